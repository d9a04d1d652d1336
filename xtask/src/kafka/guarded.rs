//! The broker's other door, as brokers in production have it: encrypted, under a certificate of the
//! broker's own, for whoever knows a password.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Who may come in, and what with. No secret: the broker is alone on the loopback interface.
const USER: &str = "tester";
const PASSWORD: &str = "not-for-production";

/// How the password is proved, in the broker's words.
const MECHANISM: &str = "SCRAM-SHA-512";

/// How long the certificate is good for, in days: longer than any test.
const CERTIFICATE_DAYS: &str = "30";

/// The door: its port, and the files behind it.
pub(super) struct Guarded {
    port: u16,
    key_store: PathBuf,
    certificate: PathBuf,
}

impl Guarded {
    /// A door on `port`, with a new certificate in `directory`.
    ///
    /// # Errors
    /// Where Java's key tool cannot make one.
    pub(super) fn make(directory: &Path, port: u16) -> Result<Guarded> {
        let key_store = directory.join("broker.p12");
        let certificate = directory.join("broker.pem");
        let of_key = ["-alias", "broker", "-storetype", "PKCS12", "-storepass", PASSWORD];
        let key_tool = |verb: &str| {
            let mut command = Command::new("keytool");
            command.arg(verb).args(of_key).arg("-keystore").arg(&key_store);
            command
        };
        let of_broker = ["-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"];
        run(key_tool("-genkeypair").args(of_broker).args(["-validity", CERTIFICATE_DAYS]))?;
        run(key_tool("-exportcert").arg("-rfc").arg("-file").arg(&certificate))?;
        Ok(Guarded { port, key_store, certificate })
    }

    /// The listener, for `listeners` and `advertised.listeners`.
    pub(super) fn listener(&self) -> String {
        format!("SASL_SSL://127.0.0.1:{}", self.port)
    }

    /// Its lines in the broker's settings.
    pub(super) fn properties(&self) -> String {
        format!(
            "ssl.keystore.type=PKCS12\n\
             ssl.keystore.location={}\n\
             ssl.keystore.password={PASSWORD}\n\
             ssl.key.password={PASSWORD}\n\
             sasl.enabled.mechanisms={MECHANISM}\n\
             listener.name.sasl_ssl.{}.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
            self.key_store.display(),
            MECHANISM.to_ascii_lowercase()
        )
    }

    /// What tells the formatted storage of the user.
    pub(super) fn user() -> [String; 2] {
        ["--add-scram".to_owned(), format!("{MECHANISM}=[name={USER},password={PASSWORD}]")]
    }

    /// What a test needs to come in: address, user, password, and the certificate to believe.
    pub(super) fn introduction(&self) -> String {
        format!("127.0.0.1:{} {USER} {PASSWORD} {}", self.port, self.certificate.display())
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run keytool, which comes with Java")?;
    let words = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "keytool cannot make a certificate: {words}");
    Ok(())
}
