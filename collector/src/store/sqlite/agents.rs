//! Rows of agents as people manage them.

use super::super::StoreError;
use super::super::rows::AgentRows;
use super::super::types::{JoinToken, KeyEpoch, NewAgent, Past, PastKind, shard, signed};
use super::rows::{SqlRows, wall};
use crate::limit::PAST_KEPT;
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, BootId};
use rusqlite::{ErrorCode, OptionalExtension as _, Row, params};

fn ms(moment: Option<WallTime>) -> Option<i64> {
    moment.map(|moment| signed(moment.as_millis()))
}

fn key_from(row: &Row<'_>) -> rusqlite::Result<KeyEpoch> {
    Ok(KeyEpoch {
        epoch: row.get(0)?,
        master: row.get(1)?,
        created: wall(row.get(2)?),
        used: row.get::<_, Option<i64>>(3)?.map(wall),
        ends: row.get::<_, Option<i64>>(4)?.map(wall),
    })
}

const TOKEN_COLUMNS: &str =
    "token, hash, customer, system, uses, used, created_ms, ends_ms, revoked_ms";

fn token_from(row: &Row<'_>) -> rusqlite::Result<JoinToken> {
    Ok(JoinToken {
        id: row.get(0)?,
        hash: row.get(1)?,
        customer: row.get(2)?,
        system: row.get(3)?,
        uses: row.get(4)?,
        used: row.get(5)?,
        created: wall(row.get(6)?),
        ends: wall(row.get(7)?),
        revoked: row.get::<_, Option<i64>>(8)?.map(wall),
    })
}

impl SqlRows<'_> {
    /// Whoever remembers keys is to look them up again.
    pub(super) fn keys_changed(&mut self) -> Result<(), StoreError> {
        self.main
            .prepare_cached("UPDATE key_changes SET number = number + 1 WHERE one = 1")?
            .execute([])?;
        Ok(())
    }
}

impl AgentRows for SqlRows<'_> {
    fn insert_agent(&mut self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError> {
        let key = (shard(agent.id), agent.id.0.cast_signed());
        let mut statement = self
            .main
            .prepare_cached("SELECT 1 FROM agents WHERE shard = ?1 AND agent = ?2")?;
        if statement.exists(key)? {
            return Err(StoreError::IdTaken);
        }
        let inserted = self.main.execute(
            "INSERT INTO agents (shard, agent, customer, system, name, created_ms, runs, alerts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0) ON CONFLICT (customer, system, name) DO NOTHING",
            params![
                key.0,
                key.1,
                agent.customer,
                agent.system,
                agent.name,
                signed(now.as_millis())
            ],
        )?;
        if inserted == 0 {
            return Err(StoreError::NameTaken);
        }
        let epoch = KeyEpoch {
            epoch: agent.key_epoch,
            master: agent.master_id,
            created: now,
            used: None,
            ends: None,
        };
        self.put_key_epoch(agent.id, &epoch)
    }

    fn put_place(
        &mut self,
        agent: AgentId,
        customer: &str,
        system: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        let outcome = self.main.execute(
            "UPDATE agents SET customer = ?3, system = ?4, name = ?5 WHERE shard = ?1 AND agent = ?2",
            params![
                shard(agent),
                agent.0.cast_signed(),
                customer,
                system,
                name
            ],
        );
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::NameTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn put_retired(&mut self, agent: AgentId, since: Option<WallTime>) -> Result<(), StoreError> {
        self.main.execute(
            "UPDATE agents SET retired_ms = ?3 WHERE shard = ?1 AND agent = ?2",
            params![shard(agent), agent.0.cast_signed(), ms(since)],
        )?;
        self.keys_changed()
    }

    fn key_epochs(&mut self, agent: AgentId) -> Result<Vec<KeyEpoch>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT epoch, master, created_ms, used_ms, ends_ms FROM agent_keys WHERE shard = ?1 AND agent = ?2
             ORDER BY epoch",
        )?;
        let found = statement.query_map(params![shard(agent), agent.0.cast_signed()], key_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn put_key_epoch(&mut self, agent: AgentId, key: &KeyEpoch) -> Result<(), StoreError> {
        self.main.execute(
            "INSERT INTO agent_keys (shard, agent, epoch, master, created_ms, used_ms, ends_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (shard, agent, epoch) DO UPDATE SET master = excluded.master,
                created_ms = excluded.created_ms, used_ms = excluded.used_ms, ends_ms = excluded.ends_ms",
            params![
                shard(agent),
                agent.0.cast_signed(),
                key.epoch,
                key.master,
                signed(key.created.as_millis()),
                ms(key.used),
                ms(key.ends),
            ],
        )?;
        self.keys_changed()
    }

    fn past(&mut self, agent: AgentId, since: WallTime) -> Result<Vec<Past>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT at_ms, kind, value FROM agent_past WHERE shard = ?1 AND agent = ?2 AND at_ms >= ?3
             ORDER BY at_ms, kind, value",
        )?;
        let since = signed(since.as_millis());
        let rows =
            statement.query_map(params![shard(agent), agent.0.cast_signed(), since], |row| {
                let value = row.get::<_, i64>(2)?.cast_unsigned();
                Ok(Past {
                    at: wall(row.get(0)?),
                    what: match row.get::<_, u8>(1)? {
                        0 => PastKind::Boot(BootId(value)),
                        _ => PastKind::Config(value),
                    },
                })
            })?;
        let mut past = rows.collect::<Result<Vec<_>, _>>()?;
        past.sort();
        Ok(past)
    }

    fn put_past(&mut self, agent: AgentId, past: &Past) -> Result<(), StoreError> {
        let key = (shard(agent), agent.0.cast_signed());
        let (kind, value) = match past.what {
            PastKind::Boot(boot) => (0, boot.0),
            PastKind::Config(hash) => (1, hash),
        };
        let at = signed(past.at.as_millis());
        self.main
            .prepare_cached(
                "INSERT OR IGNORE INTO agent_past (shard, agent, at_ms, kind, value) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![key.0, key.1, at, kind, value.cast_signed()])?;
        self.main
            .prepare_cached(
                "DELETE FROM agent_past WHERE shard = ?1 AND agent = ?2 AND (at_ms, kind, value) NOT IN
                   (SELECT at_ms, kind, value FROM agent_past WHERE shard = ?1 AND agent = ?2
                    ORDER BY at_ms DESC, kind DESC, value DESC LIMIT ?3)",
            )?
            .execute(params![key.0, key.1, PAST_KEPT])?;
        Ok(())
    }

    fn join_token(&mut self, id: u32) -> Result<Option<JoinToken>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM join_tokens WHERE token = ?1");
        let mut statement = self.main.prepare_cached(&sql)?;
        Ok(statement.query_row([id], token_from).optional()?)
    }

    fn join_tokens(&mut self) -> Result<Vec<JoinToken>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM join_tokens ORDER BY token");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement.query_map([], token_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn put_join_token(&mut self, token: &JoinToken) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR REPLACE INTO join_tokens ({TOKEN_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        );
        self.main.execute(
            &sql,
            params![
                token.id,
                token.hash,
                token.customer,
                token.system,
                token.uses,
                token.used,
                signed(token.created.as_millis()),
                signed(token.ends.as_millis()),
                ms(token.revoked),
            ],
        )?;
        Ok(())
    }
}
