use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p12_keystore::{Certificate as Pkcs12Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd};
use rstest::rstest;
use url::Url;
use uuid::Uuid;

use super::*;
use crate::assertion;

/// In June 2026.
const NOW: Duration = Duration::from_hours(494_600);

/// A key and its certificates of so many years each.
fn made(key: &KeyPair, until: i32) -> rcgen::Certificate {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params.self_signed(key).expect("a certificate")
}

fn rsa() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key")
}

fn pkcs12(key: &KeyPair, certificate: &rcgen::Certificate, password: &str, algorithm: EncryptionAlgorithm) -> Vec<u8> {
    let key = PrivateKey::from_der(key.serialized_der()).expect("PKCS#8");
    let chain = PrivateKeyChain::new("1", key, [Pkcs12Certificate::from_der(certificate.der()).expect("a certificate")]);
    let mut store = KeyStore::new();
    store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
    store.writer(password).encryption_algorithm(algorithm).encryption_iterations(100).mac_iterations(100).write().expect("PKCS#12")
}

fn read(content: &[u8], password: Option<&str>) -> Result<Certificate, CredentialReason> {
    Certificate::read(content, password.map(SecretString::from).as_ref(), NOW)
}

fn reason(content: impl AsRef<[u8]>, password: Option<&str>) -> Option<CredentialReason> {
    read(content.as_ref(), password).map(drop).err()
}

#[test]
fn pem_is_read_in_any_order_and_the_certificate_of_the_key_is_taken() {
    let (key, other) = (rsa(), rsa());
    let (certificate, foreign) = (made(&key, 2030), made(&other, 2030));
    let expected = digest(&SHA256, certificate.der());
    for pem in [
        format!("{}{}", key.serialize_pem(), certificate.pem()),
        format!("{}{}", certificate.pem(), key.serialize_pem()),
        format!("comment\n{}{}{}", foreign.pem(), certificate.pem(), key.serialize_pem()),
    ] {
        assert_eq!(read(pem.as_bytes(), None).expect("a certificate").thumbprint(), expected.as_ref());
    }
}

#[test]
fn a_pkcs1_key_does_as_well() {
    let key = rsa();
    // The key within PKCS#8 is the last octet string, and it is the PKCS#1 form.
    let pkcs8 = key.serialized_der();
    let pkcs1 = &pkcs8[26..];
    let lines = base64::engine::general_purpose::STANDARD.encode(pkcs1);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n{}", made(&key, 2030).pem());
    assert!(read(pem.as_bytes(), None).is_ok());
}

#[rstest]
#[case::of_today(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)]
#[case::of_windows(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)]
fn pkcs12_opens_with_its_password_and_with_no_other(#[case] algorithm: EncryptionAlgorithm) {
    let key = rsa();
    let certificate = made(&key, 2030);
    let locked = pkcs12(&key, &certificate, "pass wörd", algorithm);
    assert_eq!(read(&locked, Some("pass wörd")).expect("opened").thumbprint(), digest(&SHA256, certificate.der()).as_ref());
    assert_eq!(reason(&locked, Some("other")), Some(CredentialReason::WrongPassword));
    assert_eq!(reason(&locked, None), Some(CredentialReason::NoPassword));
    let open = pkcs12(&key, &certificate, "", algorithm);
    assert!(read(&open, None).is_ok());
}

#[test]
fn what_is_missing_or_wrong_is_told_by_a_reason() {
    let (key, other) = (rsa(), rsa());
    let certificate = made(&key, 2030);
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let encrypted = format!("{}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", certificate.pem());
    for (content, expected) in [
        (certificate.pem(), CredentialReason::NoKey),
        (key.serialize_pem(), CredentialReason::NoCertificateOfKey),
        (other.serialize_pem() + &certificate.pem(), CredentialReason::NoCertificateOfKey),
        (elliptic.serialize_pem() + &made(&elliptic, 2030).pem(), CredentialReason::UnusableKey),
        (encrypted, CredentialReason::EncryptedPem),
        (key.serialize_pem() + &made(&key, 2025).pem(), CredentialReason::Expired),
        (key.serialize_pem().replace("END", "DNE") + &certificate.pem(), CredentialReason::NotACertificate),
        ("canary".to_owned(), CredentialReason::NotACertificate),
    ] {
        assert_eq!(reason(&content, None), Some(expected));
    }
}

#[test]
fn of_an_old_and_a_renewed_certificate_of_one_key_the_one_that_holds_is_taken() {
    let key = rsa();
    let renewed = made(&key, 2030);
    let pem = format!("{}{}{}", made(&key, 2025).pem(), renewed.pem(), key.serialize_pem());
    assert_eq!(read(pem.as_bytes(), None).expect("a certificate").thumbprint(), digest(&SHA256, renewed.der()).as_ref());
}

#[test]
fn an_assertion_is_for_one_endpoint_and_one_client_and_is_signed_by_ps256() {
    let key = rsa();
    let pem = key.serialize_pem() + &made(&key, 2030).pem();
    let certificate = read(pem.as_bytes(), None).expect("a certificate");
    let endpoint = Url::parse("https://login.example/t/oauth2/v2.0/token").expect("a URL");
    let client = "client-1".parse().expect("an id");
    let signed = assertion::sign(&certificate, &client, &endpoint, Uuid::nil(), NOW).expect("signed");
    let signed = signed.expose_secret();
    assert!(assertion::is_one(signed));
    let (message, signature) = signed.rsplit_once('.').expect("a signature");
    let unpack = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
    let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&unpack(part)).expect("JSON");
    let (header, claims) = message.split_once('.').expect("two parts");
    assert_eq!(
        json(header),
        serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(certificate.thumbprint())})
    );
    let now = NOW.as_secs();
    assert_eq!(
        json(claims),
        serde_json::json!({
            "aud": endpoint.as_str(), "iss": "client-1", "sub": "client-1", "jti": Uuid::nil().to_string(),
            "iat": now - 60, "nbf": now - 60, "exp": now + 300,
        })
    );
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key_raw());
    public.verify(message.as_bytes(), &unpack(signature)).expect("its signature");
}

#[test]
fn i17_a_certificate_does_not_show_itself() {
    let key = rsa();
    let pem = key.serialize_pem() + &made(&key, 2030).pem();
    assert_eq!(format!("{:?}", read(pem.as_bytes(), None).expect("a certificate")), "Certificate([REDACTED])");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn i03_no_damage_makes_the_reader_fall(at in 0..4_000_usize, byte: u8, cut in 0..4_000_usize) {
        static MADE: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
        let both = MADE.get_or_init(|| {
            let key = rsa();
            let certificate = made(&key, 2030);
            let pem = key.serialize_pem() + &certificate.pem();
            [pem.into_bytes(), pkcs12(&key, &certificate, "p", EncryptionAlgorithm::PbeWithHmacSha256AndAes256)]
        });
        for whole in both {
            let mut damaged = whole.clone();
            let length = damaged.len();
            damaged[at % length] = byte;
            damaged.truncate(length - cut % length);
            drop(read(&damaged, Some("p")));
        }
    }
}
