//! What can be traded.

use std::sync::Arc;

use proto::reference::{
    ListFeeTiersRequest, ListFeeTiersResponse, ListInstrumentsRequest, ListInstrumentsResponse,
    reference_service_server::ReferenceService,
};
use tonic::{Request, Response, Status};

use crate::office::Office;

/// The reference service.
pub(super) struct ReferenceData {
    pub(super) office: Arc<Office>,
}

#[tonic::async_trait]
impl ReferenceService for ReferenceData {
    async fn list_instruments(
        &self,
        _request: Request<ListInstrumentsRequest>,
    ) -> Result<Response<ListInstrumentsResponse>, Status> {
        let instruments = self.office.instruments().await?;
        Ok(Response::new(ListInstrumentsResponse { instruments }))
    }

    async fn list_fee_tiers(
        &self,
        _request: Request<ListFeeTiersRequest>,
    ) -> Result<Response<ListFeeTiersResponse>, Status> {
        let thresholds = self.office.tier_thresholds()?;
        Ok(Response::new(ListFeeTiersResponse { thresholds }))
    }
}
