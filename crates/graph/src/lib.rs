//! The only path to Microsoft: sign-in, listing a path page by page, throttling, retry and the classification of every answer.
