//! Business days, business hours and digests of a customer.

use super::Directory;
use crate::clock::{DAY_MS, Date};
use crate::config::Customer;
use crate::limit::DIGEST_DAYS;
use hansho::clock::WallTime;

const MINUTE_MS: u64 = 60_000;

impl Directory {
    /// Whether a date is a business day of a customer.
    #[must_use]
    pub fn is_business_day(&self, customer: &str, date: Date) -> bool {
        self.with(customer, |customer| self.open_on(customer, date))
    }

    /// Whether a moment lies in the business hours of a business day of a customer.
    #[must_use]
    pub fn is_business_time(&self, customer: &str, now: WallTime) -> bool {
        let local_ms = self.zone_of(customer).local_ms(now);
        let minute = local_ms % DAY_MS / MINUTE_MS;
        self.with(customer, |customer| {
            let (from, to) = customer.business_hours;
            self.open_on(customer, Date::from_days(local_ms / DAY_MS))
                && (from..to).contains(&minute)
        })
    }

    /// The next digest of a customer after a moment; `None` where there is none for more than a year.
    #[must_use]
    pub fn next_digest(&self, customer: &str, now: WallTime) -> Option<WallTime> {
        let zone = self.zone_of(customer);
        let local_ms = zone.local_ms(now);
        let today = local_ms / DAY_MS;
        self.with(customer, |customer| {
            let days = today..=today.saturating_add(DIGEST_DAYS);
            let next_ms = days
                .filter(|day| self.open_on(customer, Date::from_days(*day)))
                .flat_map(|day| {
                    let times = customer.digest_at.iter();
                    times.map(move |minute| {
                        day.saturating_mul(DAY_MS)
                            .saturating_add(minute.saturating_mul(MINUTE_MS))
                    })
                })
                .find(|at_ms| *at_ms > local_ms)?;
            Some(zone.moment(next_ms))
        })
    }

    fn open_on(&self, customer: &Customer, date: Date) -> bool {
        let open = customer
            .business_days
            .get(date.weekday())
            .is_some_and(|open| *open);
        let heeded = customer.holidays.unwrap_or(true);
        let holidays = self.tables.holidays.as_ref().filter(|_| heeded);
        open && !holidays.is_some_and(|holidays| holidays.days.contains_key(&date))
    }

    /// With a customer, declared or not.
    fn with<T>(&self, id: &str, look: impl FnOnce(&Customer) -> T) -> T {
        match self.customer(id) {
            Some(customer) => look(customer),
            None => look(&Customer::undeclared(id)),
        }
    }
}
