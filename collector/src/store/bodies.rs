//! What the frames that are taken say about their agent: inventory, rules, newest readings. Alerts, States and evidence have files of their own.

use super::StoreError;
use super::apply::{Applying, Place};
use super::rows::{AllRows, ConfigPart, Latest};
use super::types::{ClockQuality, Counts, Inventory, Past, PastKind, Run};
use crate::limit::INVENTORY_CHARACTERS;
use hansho::clock::{Uptime, WallTime};
use hansho::frame::body::{Body, Hello};

impl<R: AllRows> Applying<'_, R> {
    pub(super) fn body(
        &mut self,
        place: &Place,
        body: &Body<'_>,
        bytes: &[u8],
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        match body {
            Body::Hello(hello) => self.hello(place, hello),
            Body::Config(config) if self.speaks(place) => {
                let part = ConfigPart {
                    config_hash: config.config_hash,
                    part: config.part,
                    parts: config.parts,
                    rules: config.rules,
                };
                self.rows.put_config(self.agent.id, &part)
            }
            Body::State(state) => self.state(place, state, counts),
            Body::Alert(alert) => self.alert(place, alert, counts),
            Body::Readings(readings) => {
                let count = u64::from(readings.count);
                counts.readings_stored = counts.readings_stored.saturating_add(count);
                self.newest_readings(place, bytes)
            }
            Body::Unknown(_) => {
                counts.skipped = counts.skipped.saturating_add(1);
                Ok(())
            }
            Body::Boot(boot) => self.booted(place, boot),
            Body::Leave(leave) => self.leave(place, leave),
            Body::Goodbye(goodbye) => self.goodbye(place, goodbye),
            Body::Evidence(evidence) => self.evidence(place, evidence),
            Body::Victim(victim) => self.victim(place, victim),
            // Kept raw: a Config of an older run is history, History is read on demand.
            Body::Config(_) | Body::Found(_) | Body::History(_) | Body::Loss(_) => Ok(()),
        }
    }

    /// Whether the run of a frame speaks for the agent as it is now.
    fn speaks(&self, place: &Place) -> bool {
        self.agent.current_run == Some(place.run.id)
    }

    fn hello(&mut self, place: &Place, hello: &Hello<'_>) -> Result<(), StoreError> {
        let run = Run {
            number: Some(hello.run_number),
            ..place.run
        };
        self.rows.put_run(self.agent.id, &run)?;
        if self.speaks(place) {
            self.note_past(place, hello.config_hash)?;
        }
        if self.speaks(place) || self.agent.inventory.is_none() {
            self.agent.inventory = Some(inventory(hello));
        }
        if self.speaks(place) {
            self.note_machine(hello.machine_id_hash)?;
        }
        Ok(())
    }

    /// Remembers a boot of which this is the first word, and other rules than before.
    fn note_past(&mut self, place: &Place, config_hash: u64) -> Result<(), StoreError> {
        let id = self.agent.id;
        let boot = PastKind::Boot(place.run.boot);
        let known = self.rows.past(id, WallTime::default())?;
        if !known.iter().any(|past| past.what == boot) {
            let began = self.rows.boot(id, place.run.boot)?;
            let began = began.map(|boot| boot.date(Uptime::default()));
            let exact = began.filter(|began| began.quality == ClockQuality::Exact);
            let at = exact.map_or(self.now, |began| began.wall);
            self.rows.put_past(id, &Past { at, what: boot })?;
        }
        let before = self.agent.inventory.as_ref().map(|told| told.config_hash);
        if before.is_some_and(|before| before != config_hash) {
            let what = PastKind::Config(config_hash);
            self.rows.put_past(id, &Past { at: self.now, what })?;
        }
        Ok(())
    }

    fn newest_readings(&mut self, place: &Place, bytes: &[u8]) -> Result<(), StoreError> {
        let id = self.agent.id;
        let newest = match self.rows.latest(id)? {
            Some(latest) if latest.run == place.run.id => place.sequence >= latest.sequence,
            Some(latest) => !self.older(place.run.id, latest.run)?,
            None => true,
        };
        if !newest {
            return Ok(());
        }
        self.rows.put_latest(
            id,
            &Latest {
                run: place.run.id,
                sequence: place.sequence,
                frame: bytes.to_vec(),
            },
        )
    }
}

fn inventory(hello: &Hello<'_>) -> Inventory {
    let kept = |text: &str| text.chars().take(INVENTORY_CHARACTERS).collect();
    Inventory {
        version: kept(hello.version),
        host: kept(hello.host),
        kernel: kept(hello.kernel),
        architecture: kept(hello.architecture),
        cores: hello.cores,
        memory_total_kib: hello.memory_total_kib,
        sample_interval_ms: hello.sample_interval_ms,
        report_interval_ms: hello.report_interval_ms,
        post_interval_ms: hello.post_interval_ms,
        registry_version: hello.registry_version,
        registry_hash: hello.registry_hash,
        config_hash: hello.config_hash,
        machine_id_hash: hello.machine_id_hash,
        flags: hello.flags,
    }
}
