//! `lastseen token`: who may ask the API.

use lastseen_engine::{new_token_id, token};
use lastseen_store::{NewToken, TOKEN_NAME_MAX_CHARS, TokenRecord};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::app::App;
use crate::args::{CreateToken, TokenCommand};
use crate::commands::tenants_meant;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, exact, say, until};
use crate::problem::Problem;

/// The fewest characters that stand for an id.
const ID_PART_MIN_CHARS: usize = 4;

pub(crate) async fn run(app: &App, command: &TokenCommand, screen: &mut Screen) -> Result<Exit, Problem> {
    match command {
        TokenCommand::Create(args) => create(app, args, screen).await,
        TokenCommand::List => list(app, screen).await,
        TokenCommand::Revoke { token } => revoke(app, token, screen).await,
    }
}

async fn create(app: &App, args: &CreateToken, screen: &mut Screen) -> Result<Exit, Problem> {
    let tenants = tenants_meant(app, &args.tenants, args.all_tenants, "a token")?;
    let name = token::name(&args.name)
        .ok_or_else(|| Problem::usage(format!("--name takes 1 to {TOKEN_NAME_MAX_CHARS} characters on one line")))?;
    if !token::LIFE_BOUNDS.contains(&args.expires_in) {
        let too_short = args.expires_in < *token::LIFE_BOUNDS.start();
        let next = if too_short { "make it longer" } else { "make it shorter; another token takes its place when it ends" };
        return Err(Problem::usage("--expires-in takes 1m to 730d").next(next));
    }
    let store = app.open().await?;
    let (secret, hash) = token::mint();
    let new = NewToken { token_id: new_token_id(), name: name.to_owned(), hash, role: args.role, tenants, expires_in: args.expires_in };
    let record = store.create_token(&new).await?;
    if screen.is_json() {
        let mut document = serde_json::to_value(&record).map_err(std::io::Error::from)?;
        document["token"] = json!(secret.expose_secret());
        screen.json(&document)?;
        return Ok(Exit::Success);
    }
    // Nothing else goes to standard output, so that it can be sent to where the token is to be kept.
    screen.line(secret.expose_secret())?;
    screen.flush()?;
    let tenants = app.tenants_words(&record.tenants, &store.tenants().await?);
    say(&format!("{} ({}): {} of {tenants}, until {}", screen.short(record.token_id), name, record.role, exact(record.expires_at)));
    say("keep it now: it is shown this once, and only a hash of it is stored");
    Ok(Exit::Success)
}

async fn list(app: &App, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tokens = store.tokens().await?;
    if screen.is_json() {
        screen.json(&json!({ "tokens": tokens }))?;
        return Ok(Exit::Success);
    }
    if tokens.is_empty() {
        screen.line("no token was made yet: nobody can ask the API")?;
        screen.line("next: lastseen token create --name <what for> --role reader --all-tenants")?;
        return Ok(Exit::Success);
    }
    let now = screen.now();
    let known = store.tenants().await?;
    let mut table = screen.table(&["TOKEN", "NAME", "ROLE", "TENANTS", "ENDS", "LAST USED"]);
    for token in &tokens {
        table.line([
            screen.short(token.token_id),
            token.name.clone(),
            token.role.to_string(),
            app.tenants_words(&token.tenants, &known),
            ends(token, screen),
            token.last_used_at.map_or("never".to_owned(), |used| ago(now, used)),
        ]);
    }
    screen.show(&table)?;
    Ok(Exit::Success)
}

fn ends(token: &TokenRecord, screen: &Screen) -> String {
    let now = screen.now();
    match token.revoked_at {
        Some(revoked) => format!("revoked {}", ago(now, revoked)),
        None if token.expires_at <= now => format!("expired {}", ago(now, token.expires_at)),
        None => until(now, token.expires_at),
    }
}

async fn revoke(app: &App, part: &str, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let known = store.tokens().await?;
    let token = meant(&known, part)?;
    // It was there a moment ago, and no token ever goes.
    let gone = || Problem::failed("the token went while it was looked up");
    let record = store.revoke_token(token.token_id).await?.ok_or_else(gone)?;
    if screen.is_json() {
        screen.json(&record)?;
        return Ok(Exit::Success);
    }
    let which = format!("{} ({})", screen.short(record.token_id), record.name);
    match token.revoked_at {
        Some(before) => screen.line(format!("{which} was revoked before, {}", ago(screen.now(), before)))?,
        None => screen.line(format!("{which} is revoked: from now on it is good for nothing"))?,
    }
    Ok(Exit::Success)
}

/// The token that a part of an id, or a name, stands for. One that was taken back is meant only where no other fits.
fn meant<'a>(known: &'a [TokenRecord], part: &str) -> Result<&'a TokenRecord, Problem> {
    let id = part.to_ascii_lowercase();
    let fits = |token: &&TokenRecord| {
        let whole = token.token_id.to_string();
        token.name == part || (id.len() >= ID_PART_MIN_CHARS && (whole.starts_with(&id) || whole.ends_with(&id)))
    };
    let fitting: Vec<&TokenRecord> = known.iter().filter(fits).collect();
    let in_force: Vec<&TokenRecord> = fitting.iter().copied().filter(|token| token.revoked_at.is_none()).collect();
    match (in_force.as_slice(), fitting.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only),
        (_, []) => Err(Problem::failed(format!("there is no token `{part}`")).next("see them with `lastseen token list`")),
        (_, several) => Err(Problem::usage(format!("`{part}` fits {}", count(several.len() as u64, "token", "tokens")))
            .next("write more of the id; `lastseen token list --wide` shows them whole")),
    }
}

#[cfg(test)]
mod tests {
    use lastseen_model::{Role, Tenants, Timestamp};

    use super::*;

    fn token(id: u32, name: &str, revoked: bool) -> TokenRecord {
        let time: Timestamp = "2026-01-12T09:14:00Z".parse().expect("a time");
        TokenRecord {
            token_id: format!("01900000-0000-7000-8000-{id:012}").parse().expect("an id"),
            name: name.to_owned(),
            role: Role::Reader,
            tenants: Tenants::All,
            created_at: time,
            expires_at: time,
            revoked_at: revoked.then_some(time),
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_is_meant_by_a_part_of_its_id_or_its_name_and_never_by_a_guess() {
        let known = [
            token(11, "ci", false),
            token(12, "ci", true),
            token(13, "dashboard", false),
            token(14, "old", true),
            token(15, "two", false),
            token(16, "two", false),
        ];
        let found = |part: &str| meant(&known, part).map(|token| token.token_id.to_string()).map_err(|problem| problem.what);
        assert_eq!(found("0013").as_deref(), Ok("01900000-0000-7000-8000-000000000013"));
        assert_eq!(found("dashboard").as_deref(), Ok("01900000-0000-7000-8000-000000000013"));
        assert_eq!(found("ci").as_deref(), Ok("01900000-0000-7000-8000-000000000011"), "the one that is in force");
        assert_eq!(found("old").as_deref(), Ok("01900000-0000-7000-8000-000000000014"));
        assert_eq!(found("two").expect_err("two"), "`two` fits 2 tokens");
        assert_eq!(found("0190").expect_err("all"), "`0190` fits 6 tokens");
        assert_eq!(found("13").expect_err("a guess"), "there is no token `13`");
    }
}
