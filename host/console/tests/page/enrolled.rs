//! Devices of the scene that were let in, or not yet, and a token that was stolen.

use bailiwick_core::{enrolment::Token, ids::DeviceId};
use bailiwick_transport::{
    Https, ProxySettings, Trust,
    enrol::{DeviceKey, Enroller},
};
use serde_json::Value;

use super::scene::{Scene, run};

impl Scene {
    /// One device was enrolled, one revoked, one has not reported yet; two invitations are
    /// open, and somebody has shown the token of the first device again.
    pub(crate) async fn enrolled(&self) {
        let stolen = self.invited();
        self.enrol(&stolen, 25).await.unwrap();
        self.enrol(&stolen, 25).await.unwrap_err();
        for device in [24, 0x5e] {
            self.enrol(&self.invited(), device).await.unwrap();
        }
        let revoked = DeviceId::from_bytes([24; 16]).to_string();
        run(&self.path(""), &["device", "revoke", &revoked, "--data"]);
        self.invited();
        self.invited();
    }

    fn invited(&self) -> Token {
        let line = run(&self.path(""), &["device", "invite", "--json", "--data"]);
        let line: Value = serde_json::from_str(line.trim()).unwrap();
        line["token"].as_str().unwrap().parse().unwrap()
    }

    /// Shows a token, with a key of its own.
    async fn enrol(&self, token: &Token, device: u8) -> Result<(), String> {
        let https = Https::new(&Trust::authority(token.authority), &ProxySettings::direct());
        let key = DeviceKey::generate().unwrap();
        let request = key.request(&DeviceId::from_bytes([device; 16])).unwrap();
        let enroller = Enroller::new(&https.unwrap(), self.console());
        let enrolled = enroller.enrol(&token.secret, request).await;
        enrolled.map(drop).map_err(|error| error.to_string())
    }
}
