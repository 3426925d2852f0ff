//! The commands on PostgreSQL.

mod on_postgres {
    use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, SUPERUSER};
    use serde_json::{Value, json};

    use crate::support::{COMPLIANCE, CONFIGURATION, PostgresDatabase, World, code, text};

    /// What a program reads of items and missing, without what differs from one database to another.
    fn told(world: &World) -> Value {
        let plain = |rows: &Value| {
            let mut rows = rows.as_array().expect("rows").clone();
            for row in &mut rows {
                let row = row.as_object_mut().expect("a row");
                row.retain(|column, _| !column.ends_with("_at") && !column.ends_with("run_id") && column != "missing_since");
            }
            rows
        };
        let (items, missing) = (world.json(&["items"]).1, world.json(&["missing", "--types", CONFIGURATION]).1);
        json!({ "items": plain(&items["items"]), "missing": plain(&missing["missing"]), "coverage": plain(&missing["coverage"]) })
    }

    #[test]
    fn both_databases_tell_the_same_story() {
        let stories = [World::new(1, 30), World::on_postgres(1, 30)].map(|world| {
            assert_eq!(world.sync(&[CONFIGURATION]).0, 0);
            assert_eq!(world.sync(&[CONFIGURATION, COMPLIANCE]).0, 0);
            let (_, items) = world.json(&["items", "--type", CONFIGURATION, "--limit", "5"]);
            for item in items["items"].as_array().expect("items") {
                world.remove(item);
            }
            let (code, run) = world.sync(&[CONFIGURATION]);
            assert_eq!((code, &run["counts"]["items_unseen"]), (0, &json!(5)));
            told(&world)
        });
        assert_eq!(stories[0], stories[1]);
        assert_eq!(stories[1]["missing"].as_array().map(Vec::len), Some(5));
        assert!(stories[1]["missing"].as_array().expect("rows").iter().all(|row| row["confidence"] == json!("high")));
    }

    #[test]
    fn only_the_owner_purges_a_tenant_and_the_doctor_says_that_the_walls_hold() {
        let world = World::on_postgres(2, 3);
        let [one, other] = [0, 1].map(|place| world.simulator.tenants()[place].tenant_id.to_string());
        for tenant in [&one, &other] {
            assert_eq!(code(&world.run(&["sync", "--tenant", tenant, "--types", CONFIGURATION])), 0);
        }
        let (exit, examined) = world.json(&["doctor", "--tenant", &one]);
        let database = &examined["installation"][1];
        assert_eq!((exit, &database["check"], &database["state"]), (0, &json!("database"), &json!("ok")), "{examined:#}");
        assert!(database["text"].as_str().expect("a text").contains("row-level security forced"), "{database}");

        let before = world.run(&["items", "--tenant", &other, "--output", "json"]).stdout;
        let refused = world.run(&["tenant", "purge", &one, "--confirm", &one]);
        assert_eq!(code(&refused), 2, "the app role may not");
        assert!(text(&refused.stderr).contains("owner"), "{}", text(&refused.stderr));
        let owner = world.database_url().replace(APP_ROLE, OWNER_ROLE);
        let purged = world.run(&["tenant", "purge", &one, "--confirm", &one, "--database", &owner]);
        assert_eq!(code(&purged), 0, "{}", text(&purged.stderr));
        assert_eq!(code(&world.run(&["items", "--tenant", &one])), 2, "nobody knows it any more");
        assert_eq!(world.run(&["items", "--tenant", &other, "--output", "json"]).stdout, before);
    }

    #[test]
    fn every_command_refuses_a_role_that_row_level_security_does_not_hold() {
        let world = World::on_postgres(1, 1);
        let database = PostgresDatabase::new();
        let migrated = world.run(&["migrate", "--database", &database.url(OWNER_ROLE), "--app-role", APP_ROLE]);
        assert_eq!(code(&migrated), 0, "{}", text(&migrated.stderr));
        let (superuser, tenant) = (database.url(SUPERUSER), world.tenant().to_string());
        let commands: [&[&str]; 11] = [
            &["tenant", "list"],
            &["tenant", "remove", &tenant],
            &["sync", "--tenant", &tenant],
            &["sync", "--tenant", &tenant, "--queue"],
            &["serve"],
            &["runs"],
            &["runs", "show", "0123"],
            &["items"],
            &["selections"],
            &["missing"],
            &["explain", CONFIGURATION, "x"],
        ];
        for command in commands {
            let refused = world.command(command).args(["--database", &superuser]).output().expect("the binary runs");
            let said = text(&refused.stderr);
            assert_eq!(code(&refused), 2, "{command:?}: {said}");
            assert!(said.contains("BYPASSRLS") && said.contains("CREATE ROLE lastseen_app LOGIN"), "{command:?}: {said}");
        }
    }

    #[test]
    fn a_database_that_is_not_migrated_says_who_has_to() {
        let world = World::new(1, 1);
        let database = PostgresDatabase::new();
        let refused = world.run(&["missing", "--database", &database.url(APP_ROLE)]);
        assert_eq!(code(&refused), 2);
        insta::assert_snapshot!("not_migrated", without_port(&text(&refused.stderr)));
        let refused = world.run(&["migrate", "--database", &database.url(OWNER_ROLE)]);
        assert_eq!(code(&refused), 2);
        insta::assert_snapshot!("no_app_role", without_port(&text(&refused.stderr)));
        let migrated = world.run(&["migrate", "--database", &database.url(OWNER_ROLE), "--app-role", APP_ROLE]);
        assert_eq!(code(&migrated), 0);
        insta::assert_snapshot!("migrated", without_port(&text(&migrated.stdout)));
    }

    /// Port and database differ from run to run.
    fn without_port(said: &str) -> String {
        let words = said.split_inclusive([' ', ':', '\n']);
        let blank = |word: &str| {
            let digits = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if digits.contains("/cli_") { word.replace(digits, "<port>/<database>") } else { word.to_owned() }
        };
        words.map(blank).collect()
    }
}
