using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>Counts and scores of a Silver run, from <c>checked</c>, <c>upserts</c>, <c>emptied</c> and what the merge wrote.</summary>
internal static class QualityMeasures
{
    public static RunQuality Of(DuckDbSession session, JobSpec spec, MergeFiles files)
    {
        var timely = spec.Pins.RequestedAt.Minus(spec.TimelyWithin);
        const string isGone = "(_truncated OR _op IN ('d', 't'))";
        var counts = session.Rows($"""
            SELECT count(*) FILTER (_held_rules IS NULL), count(*) FILTER (_held_rules IS NOT NULL AND _rules = ''),
              count(*) FILTER (_rules <> '' AND _held_rules IS NULL), count(*) FILTER (_rules = '' AND NOT {isGone}), count(*) FILTER (_rules = '' AND {isGone}),
              count(*) FILTER (_held_rules IS NULL AND epoch_us({BronzeColumns.IngestedAt}) >= {(timely - DateTimeOffset.UnixEpoch).Ticks / 10})
            FROM checked
            """)[0].Select(Convert.ToInt64).ToArray();
        var (rowsIn, released, quarantined, good, deleted, timelyRows) = (counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
        var accepted = session.Count("SELECT count(*) FROM upserts");
        var truncated = session.Count("SELECT count(*) FROM emptied");
        var quarantinedByRule = ByRule(session, "_rules", "_held_rules IS NULL");
        var warnedByRule = ByRule(session, "_warnings", "_held_rules IS NULL");

        double Score(Dimension dimension)
        {
            var broken = quarantinedByRule.Concat(warnedByRule).Where(rule => spec.Silver!.Dimensions.GetValueOrDefault(rule.Key, Dimension.Validity) == dimension).Sum(rule => rule.Value);
            return Share(Math.Max(0, rowsIn - broken), rowsIn);
        }

        return new RunQuality(rowsIn, released, accepted, quarantined, Superseded: good - accepted, deleted, Replaced: accepted - files.RowsAdded - truncated, truncated,
            quarantinedByRule, warnedByRule, Score(Dimension.Completeness), Score(Dimension.Validity), Score(Dimension.Consistency),
            Uniqueness: Math.Min(Share(accepted, good), Score(Dimension.Uniqueness)), Timeliness: Math.Min(Share(timelyRows, rowsIn), Score(Dimension.Timeliness)));
    }

    private static ImmutableSortedDictionary<string, long> ByRule(DuckDbSession session, string column, string where) =>
        session.Rows($"SELECT rule, count(*) FROM (SELECT unnest(string_split({column}, ',')) AS rule FROM checked WHERE {column} <> '' AND {where}) GROUP BY rule")
            .ToImmutableSortedDictionary(row => (string)row[0]!, row => Convert.ToInt64(row[1]), StringComparer.Ordinal);

    /// <summary>Nothing of nothing is as good as it gets.</summary>
    private static double Share(long part, long whole) => whole == 0 ? 1 : (double)part / whole;
}
