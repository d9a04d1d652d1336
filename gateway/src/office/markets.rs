//! What is listed, and what each market is open for.

use proto::reference::InstrumentSummary;

use super::Office;
use crate::problem::Problem;

impl Office {
    /// Every instrument, by symbol.
    ///
    /// # Errors
    /// [`Problem`] where they were not read yet.
    pub(crate) async fn instruments(&self) -> Result<Vec<InstrumentSummary>, Problem> {
        let mut summaries: Vec<InstrumentSummary> = {
            let catalogue = self.reference.loaded()?;
            catalogue.instruments().map(|listed| listed.summary()).collect()
        };
        let states = self.upstream.market_states().await;
        for summary in &mut summaries {
            if let Some(state) = states.get(&summary.symbol) {
                summary.state = (*state).into();
            }
        }
        Ok(summaries)
    }
}
