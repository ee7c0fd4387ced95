using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary>Counts and scores of a Silver run, from <c>checked</c>, <c>upserts</c>, <c>emptied</c> and what the merge wrote.</summary>
internal static class QualityMeasures
{
    private static readonly string[] Counts = ["rows_in", "released", "quarantined", "good", "deleted", "timely", "held", "set_aside"];

    /// <summary>New, and not only waiting for a parent.</summary>
    private const string IsSetAside = "_rules <> '' AND _held_rules IS NULL AND NOT _held";

    public static IEnumerable<JobStep> Steps(JobSpec spec)
    {
        const string isGone = "(_truncated OR _op IN ('d', 't'))";
        var timely = spec.Dialect.Moment(spec.Pins.RequestedAt.Minus(spec.TimelyWithin));
        yield return new FiguresStep(SilverSteps.CountsFigures, $"""
            SELECT count(*) FILTER (WHERE _held_rules IS NULL) AS rows_in, count(*) FILTER (WHERE _held_rules IS NOT NULL AND _rules = '') AS released,
              count(*) FILTER (WHERE _rules <> '' AND _held_rules IS NULL) AS quarantined, count(*) FILTER (WHERE _rules = '' AND NOT {isGone}) AS good,
              count(*) FILTER (WHERE _rules = '' AND {isGone}) AS deleted, count(*) FILTER (WHERE _held_rules IS NULL AND {BronzeColumns.IngestedAt} >= {timely}) AS timely,
              count(*) FILTER (WHERE _rules <> '' AND _held) AS held, count(*) FILTER (WHERE {IsSetAside}) AS set_aside
            FROM checked
            """, [.. Counts.Select(name => new JobColumn(name, "long"))]);
        yield return new FiguresStep(SilverSteps.TruncatedFigures, "SELECT count(*) AS truncated FROM emptied", [new JobColumn("truncated", "long")]);
        yield return ByRule(spec.Dialect, SilverSteps.QuarantinedFigures, "_rules");
        yield return ByRule(spec.Dialect, SilverSteps.WarnedFigures, "_warnings");
        yield return ByRule(spec.Dialect, SilverSteps.SetAsideFigures, "_rules", IsSetAside);
    }

    /// <exception cref="PipelineException">What was answered does not balance.</exception>
    public static RunQuality Of(JobSpec spec, CheckedAnswer answer, MergeSql table)
    {
        var counts = Enumerable.Range(0, Counts.Length).Select(i => answer.Long(SilverSteps.CountsFigures, i)).ToArray();
        var (rowsIn, released, quarantined, good, deleted, timelyRows) = (counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
        var (accepted, truncated, marks) = (table.Upserts(answer), answer.Long(SilverSteps.TruncatedFigures), answer.Output(spec.Table).Marks);
        var (left, kept, gone, waited) = (answer.Long(SilverSteps.SettledFigures), answer.Long(SilverSteps.SettledFigures, 1), answer.Long(SilverSteps.SettledFigures, 2), answer.Long(SilverSteps.SettledFigures, 3));
        if (rowsIn + released != quarantined + good + deleted)
            throw answer.Wrong($"{Plural.Of(rowsIn, "row")} in and {released} released are not {quarantined} quarantined, {good} good and {deleted} deleted");
        if (accepted > good || truncated > marks || counts.Any(count => count < 0) || accepted < 0 || truncated < 0)
            throw answer.Wrong($"of {Plural.Of(good, "good row")} {accepted} were accepted, and {truncated} of {Plural.Of(marks, "replaced row")} truncated");
        if (left < 0 || kept < 0 || kept > quarantined || gone < 0 || gone > left + kept) throw answer.Wrong($"of {Plural.Of(quarantined, "bad row")} {kept} are settled, beside {left} of the quarantine; {gone} of all these are gone");
        if (spec.Inputs[0].Files.All(file => file.Rows is not null) && spec.Inputs[0].Files.Sum(file => file.Rows) is var read && read != rowsIn)
            throw answer.Wrong($"the files of {spec.Inputs[0].Table} have {Plural.Of(read ?? 0, "row")}, and it has counted {rowsIn}");
        var quarantinedByRule = answer.Counts(SilverSteps.QuarantinedFigures);
        var warnedByRule = answer.Counts(SilverSteps.WarnedFigures);

        double Score(Dimension dimension)
        {
            var broken = quarantinedByRule.Concat(warnedByRule).Where(rule => spec.Silver!.Dimensions.GetValueOrDefault(rule.Key, Dimension.Validity) == dimension).Sum(rule => rule.Value);
            return Share(Math.Max(0, rowsIn - broken), rowsIn);
        }

        return new RunQuality(rowsIn, released + left, accepted, quarantined - kept, Superseded: good - accepted + left + kept - gone, deleted + gone, Replaced: marks - truncated, truncated,
            quarantinedByRule, warnedByRule, Score(Dimension.Completeness), Score(Dimension.Validity), Score(Dimension.Consistency),
            Uniqueness: Math.Min(Share(accepted, good), Score(Dimension.Uniqueness)), Timeliness: Math.Min(Share(timelyRows, rowsIn), Score(Dimension.Timeliness)),
            Held: answer.Long(SilverSteps.WaitingFigures) - answer.Long(SilverSteps.TakenFigures) + counts[6] - waited, Settled: spec.Silver!.Settled is null ? null : left);
    }

    /// <summary>Whether more is set aside than is expected.</summary>
    /// <param name="left">Rows of the quarantine before the run; null: unknown.</param>
    public static MassQuarantine? MassOf(JobSpec spec, CheckedAnswer answer, RunQuality quality, MassQuarantine? before, long? left) =>
        MassQuarantine.After(before, spec.Pins.Run, quality.RowsIn, Math.Min(quality.Quarantined, answer.Long(SilverSteps.CountsFigures, 7)), answer.Counts(SilverSteps.SetAsideFigures),
            left is { } rows ? rows - quality.Released + quality.Quarantined - (quality.Held ?? 0) : long.MaxValue, spec.Silver!.QuarantinePercentMax!.Value);

    private static FiguresStep ByRule(SqlDialect dialect, string name, string column, string? where = null) =>
        new(name, $"SELECT rule, count(*) AS broken FROM (SELECT {dialect.Call("list_rows", column)} AS rule FROM checked WHERE {where ?? $"{column} <> '' AND _held_rules IS NULL"}) AS broken_rules GROUP BY rule",
            [new JobColumn("rule", "string"), new JobColumn("broken", "long")]);

    /// <summary>Nothing of nothing is as good as it gets.</summary>
    private static double Share(long part, long whole) => whole == 0 ? 1 : (double)part / whole;
}
