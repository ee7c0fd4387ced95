namespace Pipeline.Transform.Dialects;

public static partial class DialectTable
{
    /// <summary>Hours to 23, offsets to eighteen hours, capital T and Z. Digits beyond microseconds are cut off.</summary>
    private const string Timestamp =
        @"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-7])(:?[0-5][0-9])?|[+-]18(:?00)?)?)?\z";

    private const string Date = @"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z";

    private static string EpochTime(string function) =>
        $"CASE WHEN (x * f) BETWEEN -62135596800000000 AND 253402300799999999 AND (x * f) % 1 = 0 THEN {function}(TRY_CAST((x * f) AS BIGINT)) END";

    /// <summary>
    /// The moment at which clocks of a zone show a time. Of an hour that comes twice it is the first, as Java has it and DuckDB does not; one that is left out
    /// is as much later. Before 1970 engines know other rules.
    /// </summary>
    private static string DuckDbInZone
    {
        get
        {
            const string shown = "timezone('UTC', x)";
            var earlier = ((string[])["3 HOUR", "2 HOUR", "1 HOUR", "30 MINUTE"]).Select(step => $"WHEN timezone(zone, timezone(zone, {shown}) - INTERVAL {step}) = {shown} THEN timezone(zone, {shown}) - INTERVAL {step}");
            return $"CASE WHEN x < TIMESTAMPTZ '1970-01-01 00:00:00+00' OR x IS NULL THEN NULL {string.Join(' ', earlier)} ELSE timezone(zone, {shown}) END";
        }
    }

    private const string HasZone = @":[0-9]{2}([.][0-9]+)?(Z|[+-][0-9:]+)\z";

    private static SqlFunction[] Times =>
    [
        Of("parse_date(t)", $"CASE WHEN regexp_matches(t, '{Date}') AND left(t, 4) <> '0000' THEN TRY_CAST(t AS DATE) END", $"CASE WHEN t RLIKE '{Date}' AND left(t, 4) <> '0000' THEN TRY_CAST(t AS DATE) END",
            (null, null), ("2026-02-28", "2026-02-28"), ("2026-02-29", null), ("2028-02-29", "2028-02-29"), ("0001-01-01", "0001-01-01"), ("0000-12-31", null), ("9999-12-31", "9999-12-31"), ("2026-1-1", null),
            ("2026-01-01\n", null), ("now", null), ("infinity", null), ("20260101", null)),
        Of("parse_timestamp(t)", $"CASE WHEN regexp_matches(t, '{Timestamp}') AND left(t, 4) <> '0000' THEN TRY_CAST(t AS TIMESTAMPTZ) END",
            $"CASE WHEN t RLIKE '{Timestamp}' AND left(t, 4) <> '0000' THEN TRY_CAST(t AS TIMESTAMP) END",
            (null, null), ("2026-03-01", "1772323200000000"), ("2026-03-01T12:30:00Z", "1772368200000000"), ("2026-03-01 12:30:00", "1772368200000000"), ("2026-03-01T12:30:00.25+02:00", "1772361000250000"),
            ("2026-03-01T12:30:00.1234569Z", "1772368200123456"), ("2026-03-01T12:30Z", null), ("2026-03-01t12:30:00Z", null), ("2026-03-01T12:30:00z", null), ("2026-03-01T24:00:00Z", null),
            ("2026-03-01T12:30:60Z", null), ("2026-03-01T12:30:00+05:60", null), ("2026-03-01T12:30:00+24:00", null), ("2026-03-01T12:30:00-18:00", "1772433000000000"), ("2026-03-01T12:30:00+18:01", null),
            ("0000-01-01T00:00:00Z", null), ("2026-02-29T00:00:00Z", null), ("2026-03-01T12:30:00Z\n", null), ("epoch", null)) with { Example = "epoch_us(parse_timestamp(t))" },
        Of("in_zone(x, zone)", DuckDbInZone, "CASE WHEN x >= TIMESTAMP '1970-01-01 00:00:00' THEN to_utc_timestamp(x, zone) END", (null, null), ("2026-01-15 12:00:00", "1768474800000000"), ("2026-07-15 12:00:00", "1784109600000000"),
            // Left out, and twice.
            ("2026-03-29 02:30:00", "1774747800000000"), ("2026-10-25 02:30:00", "1792888200000000"), ("2026-10-25 03:00:00", "1792893600000000"), ("1970-01-01 00:00:00", "-3600000000"), ("1969-12-31 23:59:59", null),
            ("2026-01-15 12:00:00.123456", "1768474800123456")) with { Example = "epoch_us(in_zone(parse_timestamp(t), 'Europe/Berlin'))" },
        // What says its zone is as it says.
        Of("parse_timestamp_in(t, zone)", $"CASE WHEN regexp_matches(t, '{HasZone}') THEN parse_timestamp(t) ELSE in_zone(parse_timestamp(t), zone) END", $"CASE WHEN t RLIKE '{HasZone}' THEN parse_timestamp(t) ELSE in_zone(parse_timestamp(t), zone) END",
            (null, null), ("2026-07-15T12:00:00", "1784079000000000"), ("2026-07-15T12:00:00Z", "1784116800000000"), ("2026-07-15T12:00:00.5+02:00", "1784109600500000"), ("2026-07-15", "1784035800000000"), ("2026-07-15T12:00", null),
            // Half an hour comes twice.
            ("2026-04-05T01:45:00", "1775313900000000")) with { Example = "epoch_us(parse_timestamp_in(t, 'Australia/Lord_Howe'))" },
        // Days from the second date to the first.
        Of("datediff(d, since)", "CAST(CAST(d AS DATE) - CAST(since AS DATE) AS INTEGER)", null, [Row("2", "2026-03-01", "2026-02-27"), Row("-1", "2025-12-31", "2026-01-01"), Row(null, null, "2026-01-01")])
            with { IsOurs = false, Example = "datediff(CAST(t AS DATE), CAST(u AS DATE))" },
        // From the year 1 to 9999; what is finer than a microsecond has no value.
        Of("epoch_time(x, f)", EpochTime("make_timestamptz"), EpochTime("timestamp_micros"), (null, null), ("1772323200", "1772323200000000"), ("1772323200.25", "1772323200250000"), ("-1.5", "-1500000"),
            ("253402300799", "253402300799000000"), ("253402300800", null), ("-62135596800", "-62135596800000000"), ("-62135596801", null), ("9223372036854775807", null))
            with { Example = "epoch_us(epoch_time(CAST(t AS DECIMAL(25, 6)), 1000000))" },
        // Sunday is 1.
        Of("dayofweek(d)", "(CAST(date_part('dow', d) AS INTEGER) + 1)", null, ("2026-03-01", "1"), ("2026-03-07", "7")) with { IsOurs = false, Example = "dayofweek(CAST(t AS DATE))" },
        Of("epoch_us(x)", null, "unix_micros(x)", ("1969-12-31 23:59:59.999999", "-1"), ("1970-01-01 00:00:01", "1000000")) with { IsOurs = false, Example = "epoch_us(CAST(t AS TIMESTAMP))" },
        Of("make_timestamptz(x)", null, "timestamp_micros(x)", ("-1", "-1"), ("1772323200000000", "1772323200000000")) with { IsOurs = false, Example = "epoch_us(make_timestamptz(CAST(t AS BIGINT)))" },
    ];
}
