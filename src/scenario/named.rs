//! Lists whose items are one name each, with or without arguments: `steps:` and `checks:`.

/// Declares the items that a list may have. One line each: variant, name in the file, module. The module has a type
/// `Raw`, what is written, a type `Plan: Trait`, what it resolves to, and a function `resolve` from one to the other.
/// Names that this program knows of but can't do yet come after `later`, each with the ability that is lacking.
///
/// Makes the raw enum with its `Deserialize`, the resolved one with `Serialize`, `Deserialize` and a view as
/// `&dyn Trait`, and `resolve` from one to the other.
macro_rules! named_items {
    (
        $what:literal, $Raw:ident, $Plan:ident: $Trait:path {
            $($(#[$doc:meta])* $Variant:ident = $name:literal: $module:ident,)*
        }
        later { $($Later:ident = $later:literal: $ability:literal,)* }
    ) => {
        #[doc = concat!("A ", $what, " as the file has it.")]
        #[derive(Debug)]
        pub enum $Raw {
            $($(#[$doc])* $Variant(Box<$module::Raw>),)*
            /// One that this program can't do yet.
            Later {
                /// Its name.
                name: &'static str,
                /// What is lacking.
                ability: &'static str,
            },
        }

        #[doc = concat!("A ", $what, " of the plan.")]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $Plan {
            $($(#[$doc])* #[serde(rename = $name)] $Variant($module::Plan),)*
        }

        impl $Raw {
            #[doc = concat!("The names that a ", $what, " can have.")]
            pub const NAMES: &'static [&'static str] = &[$($name,)* $($later,)*];
        }

        impl $Plan {
            /// Its name in the file.
            pub fn name(&self) -> &'static str {
                match self { $($Plan::$Variant(_) => $name,)* }
            }

            /// What all of them can do.
            pub(super) fn common(&self) -> &dyn $Trait {
                match self { $($Plan::$Variant(plan) => plan,)* }
            }
        }

        #[doc = concat!("Reads a ", $what, " in its place of the file.")]
        pub(super) fn resolve(
            raw: &crate::scenario::raw::At<$Raw>,
            scope: &mut crate::scenario::resolve::Scope<'_>,
        ) -> Result<$Plan, crate::scenario::Error> {
            Ok(match &raw.value {
                $($Raw::$Variant(args) => $Plan::$Variant($module::resolve(args, raw, scope)?),)*
                $Raw::Later { name, ability } => {
                    let message = format!("the {} `{name}` needs {ability}, which this lockin does not have", $what);
                    return Err(crate::scenario::Error::Unsupported(message));
                }
            })
        }

        #[derive(Clone, Copy, serde::Deserialize)]
        enum Name {
            $(#[serde(rename = $name)] $Variant,)*
            $(#[serde(rename = $later)] $Later,)*
        }

        impl<'de> serde::Deserialize<'de> for $Raw {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any(NameVisitor)
            }
        }

        struct NameVisitor;

        impl<'de> serde::de::Visitor<'de> for NameVisitor {
            type Value = $Raw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a {}, one of: {}", $what, $Raw::NAMES.join(", "))
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<$Raw, E> {
                use serde::Deserialize;
                use serde::de::{IntoDeserializer, value::MapDeserializer};
                Ok(match Name::deserialize(name.into_deserializer())? {
                    $(Name::$Variant => {
                        let nothing = MapDeserializer::new(std::iter::empty::<(&str, &str)>());
                        $Raw::$Variant(Box::new($module::Raw::deserialize(nothing).map_err(|why: E| {
                            // what the reader of YAML adds is a place, and the wrong one
                            let why = why.to_string();
                            let why = why.split(" at line ").next().unwrap_or_default();
                            E::custom(format!("`{}` needs arguments: {why}", $name))
                        })?))
                    })*
                    $(Name::$Later => $Raw::Later { name: $later, ability: $ability },)*
                })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$Raw, A::Error> {
                use serde::de::Error;
                let Some(name) = map.next_key::<Name>()? else {
                    return Err(A::Error::custom(format!("an empty {}; accepted: {}", $what, $Raw::NAMES.join(", "))));
                };
                let item = match name {
                    $(Name::$Variant => $Raw::$Variant(map.next_value()?),)*
                    $(Name::$Later => {
                        map.next_value::<serde::de::IgnoredAny>()?;
                        $Raw::Later { name: $later, ability: $ability }
                    })*
                };
                match map.next_key::<String>()? {
                    None => Ok(item),
                    Some(second) => Err(A::Error::custom(format!(
                        "a second key `{second}` in one {}; each takes one list item of its own, begun with `- `",
                        $what
                    ))),
                }
            }
        }
    };
}
pub(super) use named_items;
