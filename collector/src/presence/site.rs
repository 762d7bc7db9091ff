//! Many of one site at once are one incident: 9005 stands for the 9001 of each.

use super::sweep::{One, Sweep};
use super::{Done, Why};
use crate::config::Presence as When;
use crate::limit::SITE_RETURN_MS;
use crate::store::raise::{self, Raise};
use crate::store::{AlertCause, COLLECTOR_AGENT, SilenceCause, SilentSite, Standing, StoreError};
use hansho::clock::WallTime;
use hansho::rule::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// Site silent.
const SITE: u16 = 9005;

/// Whether so many silent agents of a site are one incident.
#[must_use]
pub fn is_one(when: &When, silent: usize, agents: usize) -> bool {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let share = number(silent).saturating_mul(100);
    number(silent) >= u64::from(when.site_agents)
        && share >= number(agents).saturating_mul(u64::from(when.site_percent))
}

/// Places in `all` of each site's agents that ever were heard.
type Sites = BTreeMap<String, Vec<usize>>;

impl Sweep<'_> {
    /// Ends incidents of sites that are back, lets those that are silent join, and opens new ones.
    pub(super) fn sites(&mut self, all: &mut [One]) -> Result<(), StoreError> {
        let silent = self.rows.silent_sites()?;
        if silent.is_empty() && all.iter().all(|one| one.due.is_none()) {
            return Ok(());
        }
        let mut sites = Sites::new();
        for (place, one) in all.iter().enumerate() {
            if one.agent.last_seen.is_some() && one.agent.retired.is_none() {
                let site = (self.policy.site)(&one.agent);
                sites.entry(site).or_default().push(place);
            }
        }
        let mut open = BTreeSet::new();
        for site in silent {
            if self.still_silent(&site, &sites, all)? {
                open.insert(site.site);
            }
        }
        for (site, places) in &sites {
            if open.contains(site) {
                for place in places {
                    if let Some(one) = all.get_mut(*place).filter(|one| one.due.is_some()) {
                        self.join(one, site)?;
                    }
                }
            } else {
                self.open_site(site, places, all)?;
            }
        }
        Ok(())
    }

    /// Whether the incident of a site goes on. When it ends, those that are silent still are told each.
    fn still_silent(
        &mut self,
        site: &SilentSite,
        sites: &Sites,
        all: &mut [One],
    ) -> Result<bool, StoreError> {
        let of_site = |one: &One| one.presence.site.as_ref() == Some(&site.site);
        let silent = all.iter().filter(|one| of_site(one)).count();
        let agents = sites.get(&site.site).map_or(0, Vec::len);
        let waited = site.returned.is_none_or(|returned| {
            self.now.as_millis().abs_diff(returned.as_millis()) >= SITE_RETURN_MS
        });
        if silent > 0 && (is_one(&self.policy.when, silent, agents) || !waited) {
            return Ok(true);
        }
        let recovered = site.returned.unwrap_or(self.now);
        let ended = (recovered, Reason::Cleared);
        let code = (SITE, site.site.as_str());
        let alert = raise::resolve(self.rows, COLLECTOR_AGENT, code, ended, self.now)?;
        self.rows.delete_silent_site(&site.site)?;
        for one in all.iter_mut().filter(|one| of_site(one)) {
            one.presence.site = None;
            // Those that were told each before the incident began stay so.
            if one.presence.standing == Standing::Site {
                one.presence.standing = Standing::Silent;
            }
        }
        let alert = alert.map(|alert| (SITE, alert));
        self.decided(COLLECTOR_AGENT, alert, Done::Resolved, Why::SiteBack);
        Ok(false)
    }

    fn join(&mut self, one: &mut One, site: &str) -> Result<(), StoreError> {
        if one.presence.standing == Standing::Planned {
            // What it announced is over; its site speaks for what follows.
            let until = one.presence.planned_until.unwrap_or(self.now);
            let ended = (until, Reason::Quiet);
            let code = (super::sweep::PLANNED, "");
            let over = raise::resolve(self.rows, one.agent.id, code, ended, self.now)?;
            let over = over.map(|alert| (super::sweep::PLANNED, alert));
            if over.is_some() {
                let why = Why::Silence(SilenceCause::Overdue);
                self.decided(one.agent.id, over, Done::Resolved, why);
            }
        }
        one.due = None;
        one.presence.standing = Standing::Site;
        one.presence.site = Some(site.to_owned());
        raise::unknown(self.rows, one.agent.id, self.now)
    }

    /// Opens an incident where enough agents fell silent about when one did whose silence is due.
    fn open_site(
        &mut self,
        site: &str,
        places: &[usize],
        all: &mut [One],
    ) -> Result<(), StoreError> {
        let when = self.policy.when;
        let of = |place: &usize| all.get(*place);
        let seen = |place: &usize| {
            let one = of(place)?;
            let silent = matches!(one.presence.standing, Standing::Silent | Standing::Absent);
            let counts = silent || one.due.is_some();
            one.presence.seen.filter(|_| counts)
        };
        let due = places
            .iter()
            .filter(|place| of(place).is_some_and(|one| one.due.is_some()));
        let starts: BTreeSet<WallTime> = due.filter_map(seen).collect();
        let together = |start: &WallTime| -> Vec<usize> {
            let near = |place: &&usize| {
                seen(place).is_some_and(|seen| {
                    seen.as_millis().abs_diff(start.as_millis()) <= when.site_window_ms
                })
            };
            places.iter().filter(near).copied().collect()
        };
        let Some(members) = starts
            .iter()
            .map(together)
            .find(|members| is_one(&when, members.len(), places.len()))
        else {
            return Ok(());
        };
        let first = members.iter().filter_map(seen).min();
        let agents = places.len();
        let silent = members.len();
        let raise = Raise {
            agent: COLLECTOR_AGENT,
            code: SITE,
            subject: site.to_owned(),
            occurred: first.map(raise::exact),
            value: u64::try_from(silent).ok(),
            total: u64::try_from(agents).ok(),
            level: None,
            reason: Reason::Held,
            count: u32::try_from(silent).unwrap_or(u32::MAX),
        };
        let alert = raise::raise(self.rows, &raise, self.now)?.alert();
        let cause = AlertCause {
            silence: Some(SilenceCause::Unknown),
            seen: first,
            ..AlertCause::default()
        };
        self.rows.put_cause(alert, &cause)?;
        self.rows.put_silent_site(&SilentSite {
            site: site.to_owned(),
            returned: None,
        })?;
        for place in members {
            let Some(one) = all.get_mut(place) else {
                continue;
            };
            if one.presence.standing == Standing::Absent {
                // Told already; it counts all the same, or the incident would end with the next look.
                // It has its 9001 already; it counts with the others as long as they are one.
                one.presence.site = Some(site.to_owned());
            } else {
                self.join(one, site)?;
            }
        }
        let why = Why::Site { silent, agents };
        self.decided(COLLECTOR_AGENT, Some((SITE, alert)), Done::Raised, why);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_and_three_tenths() {
        let is_one = |silent, agents| is_one(&When::default(), silent, agents);
        assert!(!is_one(4, 4));
        assert!(is_one(5, 16) && !is_one(5, 17));
        assert!(is_one(90, 300) && !is_one(89, 300));
    }
}
