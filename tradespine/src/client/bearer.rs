//! Tokens on the command line: what a caller bears on every call.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use daemon::settings::Secret;
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

/// A connection on which every call bears what its caller bears.
pub(super) type Borne = InterceptedService<Channel, Bearer>;

/// Who a client is.
#[derive(Clone, Debug, Args)]
pub(super) struct WithToken {
    /// A file with the client's token; a sandbox needs none
    ///
    /// Every user of this machine can read a command line, so that there is no flag for the token
    /// itself.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl WithToken {
    /// The same connection, with the token on every call.
    pub(super) fn on(&self, channel: Channel) -> anyhow::Result<Borne> {
        let bearer = match &self.token_file {
            None => Bearer(None),
            Some(path) => Bearer::bearing(&read(path)?)?,
        };
        Ok(InterceptedService::new(channel, bearer))
    }
}

fn read(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the token cannot be read from {}", path.display()))?;
    // Editors end a file with a new line, and no token does.
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Puts the token on every call, where there is one.
#[derive(Clone)]
pub(super) struct Bearer(Option<AsciiMetadataValue>);

impl Bearer {
    pub(super) fn bearing(token: &Secret) -> anyhow::Result<Bearer> {
        let value = format!("Bearer {}", token.reveal()).parse::<AsciiMetadataValue>();
        let Ok(mut value) = value else { bail!("the token has characters that no token has") };
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_borne_and_not_told() {
        let bearer = Bearer::bearing(&Secret::new("hush")).expect("a good token");
        let mut borne = bearer.clone();
        let request = borne.call(Request::new(())).expect("it is let through");
        assert_eq!(request.metadata().get("authorization").expect("it is there"), "Bearer hush");
        assert!(!format!("{:?}", bearer.0).contains("hush"));
        assert!(Bearer::bearing(&Secret::new("a\nb")).is_err());
        let nobody = Bearer(None).call(Request::new(())).expect("it is let through");
        assert!(nobody.metadata().get("authorization").is_none());
    }
}
