//! What can be wrong, with a token and with the settings.

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OidcRefusal {
    /// Longer than any token is.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64 with JSON in them, or an algorithm that nobody knows, `none` among them.
    #[error("it is no signed JWT")]
    NotAJwt,
    /// An algorithm by which whoever checks could sign as well, or one that is not accepted.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// Made for something else, by its `typ`.
    #[error("it is a token for something else")]
    WrongType,
    /// It asks for something to be understood that is not.
    #[error("it has a critical extension")]
    Critical,
    /// The issuer's keys could not be fetched, and none that still count are known.
    #[error("the keys of the issuer are not known")]
    KeysUnavailable,
    /// The issuer has no such key.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The key is not for this algorithm.
    #[error("its key is for another algorithm")]
    KeyOfOtherAlgorithm,
    /// It names no key, and the issuer has several that could be meant.
    #[error("it names none of several keys")]
    NamesNoKey,
    /// The signature is not by the key.
    #[error("its signature is wrong")]
    Signature,
    /// It is another issuer's.
    #[error("it is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// Its time is over, or it has none.
    #[error("it has expired, or never does")]
    Expired,
    /// Its time has not come, or is none.
    #[error("it is not valid yet")]
    NotYet,
    /// It does not say whose it is.
    #[error("it does not say whose it is")]
    Subject,
}

impl OidcRefusal {
    /// Every refusal.
    pub const ALL: &[Self] = &[
        Self::TooLong,
        Self::NotAJwt,
        Self::Algorithm,
        Self::WrongType,
        Self::Critical,
        Self::KeysUnavailable,
        Self::UnknownKey,
        Self::KeyOfOtherAlgorithm,
        Self::NamesNoKey,
        Self::Signature,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NotYet,
        Self::Subject,
    ];

    /// The word for it in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "oidc_token_too_long",
            Self::NotAJwt => "oidc_not_a_jwt",
            Self::Algorithm => "oidc_algorithm_not_accepted",
            Self::WrongType => "oidc_wrong_type",
            Self::Critical => "oidc_critical_extension",
            Self::KeysUnavailable => "oidc_keys_unavailable",
            Self::UnknownKey => "oidc_unknown_key",
            Self::KeyOfOtherAlgorithm => "oidc_key_of_other_algorithm",
            Self::NamesNoKey => "oidc_names_no_key",
            Self::Signature => "oidc_wrong_signature",
            Self::Issuer => "oidc_wrong_issuer",
            Self::Audience => "oidc_wrong_audience",
            Self::Expired => "oidc_expired",
            Self::NotYet => "oidc_not_yet_valid",
            Self::Subject => "oidc_no_subject",
        }
    }
}

/// Settings by which nobody could be known, or the wrong ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OidcSetupError {
    /// The issuer is no address to ask.
    #[error(
        "`issuer` must be an https:// address without user name, query, fragment, spaces or < > to be filled in (http:// is accepted for loopback addresses only)"
    )]
    Issuer,
    /// A setting with nothing in it.
    #[error("`{setting}` must not be empty")]
    Empty {
        /// The field of the settings.
        setting: &'static str,
    },
    /// No grant: everybody would be known, and nobody could do anything.
    #[error("there is no grant, so nobody could do anything")]
    NoGrant,
    /// TLS could not be set up.
    #[error("TLS could not be set up: this system has no usable CA certificates")]
    Tls,
}
