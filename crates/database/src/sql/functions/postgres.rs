//! PostgreSQL's functions: always named with their schema, so that a dump restores under any search path.
//!
//! Its doubles raise on overflow and on underflow. `add`, `mul` and `div` decide beforehand, exactly, whether the result
//! is finite (else NULL) and whether it rounds to zero.

/// The statements that make the schema and its functions, to be run before any table is made. They may run again.
pub fn postgres() -> Vec<String> {
    let functions = FUNCTIONS.iter().map(|(signature, returns, body)| {
        let strict = if signature.starts_with("round") { "" } else { " STRICT" };
        format!(
            "CREATE OR REPLACE FUNCTION mains.{signature} RETURNS {returns} LANGUAGE sql IMMUTABLE{strict} \
             PARALLEL SAFE AS $$ SELECT {body} $$"
        )
    });
    std::iter::once("CREATE SCHEMA IF NOT EXISTS mains".to_owned()).chain(functions).collect()
}

/// Signature, result, body.
const FUNCTIONS: [(&str, &str, &str); 9] = [
    (
        "add(a float8, b float8)",
        "float8",
        "CASE WHEN abs(a) < 8e307 AND abs(b) < 8e307 OR abs(a) < 1e200 OR abs(b) < 1e200 THEN a + b \
         WHEN abs(a * 0.5 + b * 0.5) >= 8.98846567431158e307 THEN NULL ELSE a + b END",
    ),
    (
        "mul(a float8, b float8)",
        "float8",
        "CASE WHEN a = 0 OR b = 0 THEN 0 \
         WHEN abs(a) >= 1 AND abs(b) >= 1 THEN \
         CASE WHEN abs((a * 3.7291703656001034e-155) * (b * 3.7291703656001034e-155)) >= 0.25 THEN NULL \
         ELSE a * b END \
         WHEN abs(a) < 1 AND abs(b) < 1 AND (abs(a) < 1e-150 OR abs(b) < 1e-150) THEN \
         CASE WHEN abs((a * 4.4989137945431964e+161) * (b * 4.4989137945431964e+161)) <= 0.5 THEN 0 \
         ELSE a * b END \
         ELSE a * b END",
    ),
    (
        "div(a float8, b float8)",
        "float8",
        "CASE WHEN b = 0 THEN NULL WHEN a = 0 THEN 0 \
         WHEN abs(b) < 1 AND abs(a) >= abs(b * 8.98846567431158e307) THEN \
         CASE WHEN abs(a * 0.25) >= abs(b * 8.98846567431158e307) THEN NULL \
         WHEN abs((a * 0.25) / b) >= 4.49423283715579e307 THEN NULL ELSE a / b END \
         WHEN abs(a) < 1 AND abs(b) >= 1 \
         AND abs(a * 4.4989137945431964e+161) <= abs(b * 1.1113793747425387e-162) THEN 0 \
         ELSE a / b END",
    ),
    ("least(a bigint, b bigint)", "bigint", "LEAST(a, b)"),
    ("least(a float8, b float8)", "float8", "LEAST(a, b)"),
    ("greatest(a bigint, b bigint)", "bigint", "GREATEST(a, b)"),
    ("greatest(a float8, b float8)", "float8", "GREATEST(a, b)"),
    ("round(x float8)", "float8", "trunc(x) + trunc((x - trunc(x)) * 2)"),
    (
        "distance(la float8, lo float8, lb float8, lp float8)",
        "float8",
        "12742017.6 * asin(least(1.0, sqrt(power(sin(radians(lb - la) / 2), 2) \
         + cos(radians(la)) * cos(radians(lb)) * power(sin(radians(lp - lo) / 2), 2))))",
    ),
];
