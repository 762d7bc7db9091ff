//! Words in both languages side by side, so that a missing one does not compile.

/// Makes `Words` with one field a word, and `of(language)`.
macro_rules! bilingual {
    ($($name:ident: $ja:literal, $en:literal;)*) => {
        /// The words of one language.
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each field is named by the English word")]
        pub struct Words {
            pub language: Language,
            $(pub $name: &'static str,)*
        }

        static JA: Words = Words {
            language: Language::Ja,
            $($name: $ja,)*
        };

        static EN: Words = Words {
            language: Language::En,
            $($name: $en,)*
        };

        /// Of a language.
        #[must_use]
        pub fn of(language: Language) -> &'static Words {
            match language {
                Language::Ja => &JA,
                Language::En => &EN,
            }
        }
    };
}

pub(super) use bilingual;
