//! The values of a section by their type: text, secrets, paths, durations, sizes, numbers, words.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use secrecy::SecretString;

use super::{
    nearest::nearest,
    reading::{Scalar, Wanted},
    section::Section,
};
use crate::model::units;

/// Words that a key may have, each with its meaning.
pub(super) trait Choice: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl Section<'_> {
    /// Text that must be there; `example` says how it looks.
    pub fn text(&mut self, key: &'static str, example: &str) -> String {
        self.required(key, Wanted::Text, example)
            .map_or_else(String::new, |it| it.text)
    }

    pub fn optional_text(&mut self, key: &'static str) -> Option<Scalar> {
        self.scalar(key, Wanted::Text, None)
    }

    pub fn text_or(&mut self, key: &'static str, default: &str) -> String {
        self.scalar(key, Wanted::Text, Some(default.to_owned()))
            .map_or_else(|| default.to_owned(), |it| it.text)
    }

    pub fn secret(&mut self, key: &'static str) -> Option<SecretString> {
        let secret = self.scalar(key, Wanted::Secret, None)?;
        Some(SecretString::from(secret.text))
    }

    /// A URL that begins with one of `schemes`; it may hold a password.
    pub fn url(&mut self, key: &'static str, schemes: &[&str], example: &str) -> SecretString {
        let url = self.required(key, Wanted::Url, example);
        if let Some(url) = &url
            && !schemes.iter().any(|it| {
                url.text
                    .strip_prefix(it)
                    .is_some_and(|rest| rest.starts_with("://"))
            })
        {
            let message = format!("must begin with {}://", schemes.join(":// or "));
            let help = format!("for example {key} = {example}");
            self.wrong(key, &url.span, message, Some(help));
        }
        SecretString::from(url.map_or_else(String::new, |it| it.text))
    }

    pub fn path(&mut self, key: &'static str, example: &str) -> PathBuf {
        let text = self.text(key, example);
        self.reading.path(&text)
    }

    pub fn path_or(&mut self, key: &'static str, default: &str) -> PathBuf {
        let text = self.text_or(key, default);
        self.reading.path(&text)
    }

    pub fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.optional_text(key)?;
        Some(self.reading.path(&text.text))
    }

    pub fn flag_or(&mut self, key: &'static str, default: bool) -> bool {
        let flag = self.scalar(key, Wanted::Flag, Some(default.to_string()));
        let Some(flag) = flag else { return default };
        flag.text.parse().unwrap_or_else(|_| {
            let message = "must be true or false".to_owned();
            self.wrong(key, &flag.span, message, None);
            default
        })
    }

    pub fn duration_or(&mut self, key: &'static str, default: Duration) -> Duration {
        let written = self.scalar(key, Wanted::Text, Some(units::duration_text(default)));
        written
            .and_then(|it| self.as_duration(key, &it))
            .unwrap_or(default)
    }

    pub fn optional_duration(&mut self, key: &'static str) -> Option<Duration> {
        let written = self.scalar(key, Wanted::Text, None)?;
        self.as_duration(key, &written)
    }

    fn as_duration(&self, key: &str, written: &Scalar) -> Option<Duration> {
        let duration = units::duration(&written.text);
        if duration.is_none() {
            let message = format!("{} is no duration above zero", written.quoted());
            let help = "write it as \"500ms\", \"10s\" or \"1h30m\"".to_owned();
            self.wrong(key, &written.span, message, Some(help));
        }
        duration
    }

    /// A size in bytes within `range`.
    pub fn size_or(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> usize {
        let written = self.scalar(key, Wanted::Text, Some(units::size_text(default)));
        let bytes = written.map_or(default, |it| {
            units::size(&it.text)
                .filter(|bytes| range.contains(bytes))
                .unwrap_or_else(|| {
                    let most = units::size_text(*range.end());
                    let least = units::size_text(*range.start());
                    let message = format!("{} is no size from {least} to {most}", it.quoted());
                    let help = "write it as \"512KiB\" or \"4MiB\"".to_owned();
                    self.wrong(key, &it.span, message, Some(help));
                    default
                })
        });
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// A whole number within `range`.
    pub fn number_or<N>(&mut self, key: &'static str, default: N, range: RangeInclusive<N>) -> N
    where
        N: FromStr + Display + PartialOrd + Copy,
    {
        let written = self.scalar(key, Wanted::Number, Some(default.to_string()));
        written
            .and_then(|it| self.as_number(key, &it, &range))
            .unwrap_or(default)
    }

    /// A whole number within `range` that must be there; the least of it stands in.
    pub fn number<N>(&mut self, key: &'static str, range: RangeInclusive<N>) -> N
    where
        N: FromStr + Display + PartialOrd + Copy,
    {
        let example = range.start().to_string();
        let written = self.required(key, Wanted::Number, &example);
        written
            .and_then(|it| self.as_number(key, &it, &range))
            .unwrap_or(*range.start())
    }

    fn as_number<N>(&self, key: &str, written: &Scalar, range: &RangeInclusive<N>) -> Option<N>
    where
        N: FromStr + Display + PartialOrd,
    {
        let number: Option<N> = written.text.trim().parse().ok();
        let number = number.filter(|it| range.contains(it));
        if number.is_none() {
            let message = format!(
                "{} is no whole number from {} to {}",
                written.quoted(),
                range.start(),
                range.end()
            );
            self.wrong(key, &written.span, message, None);
        }
        number
    }

    pub fn choice<T: Choice>(&mut self, key: &'static str, example: &str) -> Option<T> {
        let written = self.required(key, Wanted::Text, example)?;
        self.as_choice(key, &written)
    }

    pub fn choice_or<T: Choice>(&mut self, key: &'static str, default: T) -> T {
        let word = T::WORDS.iter().find(|(_, it)| *it == default);
        let word = word.map(|(word, _)| (*word).to_owned());
        let written = self.scalar(key, Wanted::Text, word);
        written
            .and_then(|it| self.as_choice(key, &it))
            .unwrap_or(default)
    }

    pub fn as_choice<T: Choice>(&self, key: &str, written: &Scalar) -> Option<T> {
        let found = T::WORDS.iter().find(|(word, _)| *word == written.text);
        if found.is_none() {
            let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
            let message = format!("{} is none of {}", written.quoted(), words.join(", "));
            let near = nearest(&written.text, words).filter(|_| written.here);
            let help = near.map(|it| format!("did you mean `{it}`?"));
            self.wrong(key, &written.span, message, help);
        }
        found.map(|(_, choice)| *choice)
    }
}
