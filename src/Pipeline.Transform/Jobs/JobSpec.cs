using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs;

/// <summary>A column by name and contract type (<see cref="ColumnType"/>).</summary>
/// <param name="HasStatistics">False for personal data: no minimum and maximum in the log.</param>
/// <param name="MaskKey">The version of the key that its values are hashed with; null: they are not.</param>
public sealed record JobColumn(string Name, string Type, [property: JsonPropertyName("statistics")] bool HasStatistics = true, string? MaskKey = null)
{
    public static ImmutableArray<JobColumn> Of(IEnumerable<Field> fields) =>
        [.. fields.Select(field => new JobColumn(field.Name, ColumnType.Format(field.DataType), TableColumns.HasStatistics(field), ColumnFields.MaskKeyOf(field)))];

    public Field ToField() => ColumnFields.Of(Name, ColumnType.TryParse(Type) ?? throw new FormatException($"'{Type}' is not a column type."), HasStatistics, MaskKey);
}

/// <summary>The files to read from one table. No files: an empty table of these columns.</summary>
public sealed record JobInput(TableId Table, ImmutableArray<JobColumn> Columns, ImmutableArray<JobFile> Files)
{
    /// <summary>The table as SQL of users names it.</summary>
    public JobRelation ToRelation(SqlDialect dialect) => new(dialect.Relation(Table), Table.ToString(), Columns, Files);
}

/// <summary>How a job's result becomes a table.</summary>
public enum JobKind
{
    /// <summary>Bronze rows merged by key, with quarantine, deletes and quality.</summary>
    Silver,

    /// <summary>All rows of a Gold table replaced.</summary>
    Full,

    /// <summary>Rows of a Gold table inserted, updated and deleted by key, so that it holds what the query returns.</summary>
    Merge,

    /// <summary>What was built beside a Silver table takes its place.</summary>
    Switch,
}

/// <summary>The SQL of a Silver job; see SilverSql and LatestSql.</summary>
/// <param name="Apart">For a run in which a rule fails on a row.</param>
/// <param name="Releasable">Finds the rows of the quarantine that wait for other parents than before, or for none.</param>
/// <param name="Truncates">Finds the truncates of the source among the rows.</param>
/// <param name="IsTruncated">Whether a row of the table comes before one.</param>
/// <param name="Settled">Finds the rows that break a rule and have been made good since; null: of a release that left them where they were.</param>
/// <param name="Lacking">Finds the rows that lack what the contract requires, their source has no more and the table has no value of; null: no row may, or of a release that let them in.</param>
/// <param name="Masks">It needs the key of masks.</param>
/// <param name="Contract">The contract's <see cref="ContractShape"/> in JSON; null: of a release that did not keep it.</param>
/// <param name="Judging">By what rules it judges: <see cref="ContractFingerprint.OfJudging"/>; null: of a release that did not say.</param>
/// <param name="Fields">Finds members of documents that no column reads; empty: there are none to find; null: nobody looks.</param>
/// <param name="QuarantinePercentMax">So many of a hundred rows may be set aside before it is told; null: of a release that did not look.</param>
/// <param name="Mended">Finds, of the rows that break a rule which stops the run, those that the source has mended in what the run does not read yet; null: none can stop it, or of a release that did not look.</param>
/// <param name="AddsFields">Members that no column reads become columns: <see cref="AddedColumns"/>. Null: they are told, or nobody looks.</param>
/// <param name="SnapshotEpoch">Rows of earlier epochs are gone: of this one Bronze has a finished snapshot; null: of none but the first.</param>
public sealed record SilverStatements(string Checked, string Latest, ImmutableArray<JobColumn> Quarantine, ImmutableSortedDictionary<string, Dimension> Dimensions,
    RulesApart Apart, string Releasable, string Truncates, string IsTruncated, int? SnapshotEpoch = null, string? Settled = null, long? Judging = null, bool? Masks = null, string? Contract = null, string? Lacking = null,
    string? Fields = null, int? QuarantinePercentMax = null, string? Mended = null, bool? AddsFields = null);

/// <summary>A Silver job's rules one by one; see SilverSql.</summary>
/// <param name="Rows">The rows that have rules.</param>
/// <param name="Checks">The contract's rules.</param>
/// <param name="Checked">What stands for <see cref="SilverStatements.Checked"/> when the outcomes are known.</param>
public sealed record RulesApart(string Rows, ImmutableArray<string> Checks, string Checked)
{
    /// <summary>An outcome: the row breaks the rule.</summary>
    public const int IsFalse = 0;

    /// <summary>An outcome: the row keeps the rule, or does not say.</summary>
    public const int Passes = 1;

    /// <summary>An outcome: the rule cannot be evaluated for the row.</summary>
    public const int Failed = 2;

    /// <summary>The column of a rule's outcome.</summary>
    public static string Outcome(int rule) => $"_rule_{rule}";
}

/// <summary>
/// One run of a transform: pinned input versions with explicit file lists, SQL, output table, keys. With what its tables hold
/// it becomes a <see cref="JobDocument"/>.
/// </summary>
public sealed record JobSpec
{
    public required JobPins Pins { get; init; }

    public required JobKind Kind { get; init; }

    /// <summary>Whose SQL it holds.</summary>
    public required SqlDialect Dialect { get; init; }

    public required ImmutableArray<JobInput> Inputs { get; init; }

    /// <summary>The output table's columns.</summary>
    public required ImmutableArray<JobColumn> Columns { get; init; }

    public required ImmutableArray<string> Key { get; init; }

    /// <summary>A Gold table's SELECT.</summary>
    public string? Sql { get; init; }

    /// <summary>Fingerprint of what says what a Gold table holds: it is made again when that changes.</summary>
    public long? Definition { get; init; }

    /// <summary>As of <see cref="JobStatements"/>.</summary>
    public string? Contract { get; init; }

    public SilverStatements? Silver { get; init; }

    /// <summary>Rows count as timely that reach Silver within this time of being ingested.</summary>
    public TimeSpan TimelyWithin { get; init; }

    /// <summary>What the table says to people from then on; null: what it says.</summary>
    public TableWords? Words { get; init; }

    public TableId Table => Pins.Table;
}

/// <summary>What a run did.</summary>
/// <param name="Version">The table's version that holds the result.</param>
/// <param name="Rows">The table's rows after the run; null when unknown.</param>
/// <param name="Quality">For Silver.</param>
/// <param name="IsBehind">It left rows of the quarantine for the next run, though their parents have come; or the table is to be made anew before it.</param>
/// <param name="Fields">Members of JSON documents that it is the first to have met, and that no column reads; null: none.</param>
/// <param name="Added">Columns that have come by themselves, or become wider: the table is to be made anew with them; null: none.</param>
/// <param name="Exceeds">It is the first to have set more rows aside than is expected; null: it has not, or others have.</param>
/// <param name="Mended">It has found that mended; null: nothing was to be mended, or still is.</param>
/// <param name="Cost">In the currency of the configured prices; null: there are none, or its engine does not say what it bills.</param>
public sealed record JobResult(TableId Table, long Run, long Version, long? Rows, RunQuality? Quality, TimeSpan Took, bool IsBehind = false, decimal? Cost = null, UnreadFields? Fields = null,
    MassQuarantine? Exceeds = null, MassQuarantine? Mended = null, AddedColumns? Added = null)
{
    public string ToJson() => JsonSerializer.Serialize(this, Json.Options);

    /// <summary>With what is to be told once, by the table's log before and after.</summary>
    internal JobResult WithNews(Snapshot before, Snapshot after)
    {
        var (was, stands) = (MassQuarantine.Of(before), MassQuarantine.Of(after));
        var added = AddedColumns.Of(after).Since(AddedColumns.Of(before));
        return this with { Exceeds = was is null ? stands : null, Mended = stands is null ? was : null, Added = added, IsBehind = IsBehind || added is not null };
    }
}

/// <summary>
/// What became of the rows of one Silver run:
/// <c>RowsIn + Released = Accepted + Quarantined + Superseded + Deleted</c>.
/// </summary>
/// <param name="RowsIn">New Bronze rows.</param>
/// <param name="Released">Rows that left the quarantine because their parents have arrived, their rules let them, or they are settled.</param>
/// <param name="Accepted">Rows written to the table.</param>
/// <param name="Quarantined">Rows put into the quarantine.</param>
/// <param name="Superseded">Rows that lost to a newer row of their key: good ones, and settled ones.</param>
/// <param name="Deleted">Delete and truncate records, and rows that a truncate removed before they came into the table.</param>
/// <param name="Replaced">Rows of earlier runs that made way for a newer row or a delete.</param>
/// <param name="Truncated">Rows of earlier runs that a truncate removed.</param>
/// <param name="Held">Rows in the quarantine after the run that only wait for a parent; null: a run of a release before.</param>
/// <param name="Settled">Of the released, those of which the source has a newer good row, or which it has removed; null: a run of a release before.</param>
/// <param name="QuarantinedByRule">A row counts for each rule that it breaks.</param>
public sealed record RunQuality(long RowsIn, long Released, long Accepted, long Quarantined, long Superseded, long Deleted, long Replaced, long Truncated,
    ImmutableSortedDictionary<string, long> QuarantinedByRule, ImmutableSortedDictionary<string, long> WarnedByRule,
    double Completeness, double Validity, double Consistency, double Uniqueness, double Timeliness,
    long? Held = null, long? Settled = null)
{
    /// <summary>The metric of a Silver commit that holds it.</summary>
    public const string Metric = "quality";

    public string ToJson() => JsonSerializer.Serialize(this, Json.Options);

    /// <summary>With an earlier run, as if they had been one.</summary>
    public RunQuality And(RunQuality earlier)
    {
        double Score(Func<RunQuality, double> of) => RowsIn + earlier.RowsIn == 0 ? 1 : (of(this) * RowsIn + of(earlier) * earlier.RowsIn) / (RowsIn + earlier.RowsIn);
        ImmutableSortedDictionary<string, long> Sum(Func<RunQuality, ImmutableSortedDictionary<string, long>> of) =>
            of(this).Concat(of(earlier)).GroupBy(rule => rule.Key, StringComparer.Ordinal).ToImmutableSortedDictionary(rule => rule.Key, rule => rule.Sum(count => count.Value), StringComparer.Ordinal);

        return new RunQuality(RowsIn + earlier.RowsIn, Released + earlier.Released, Accepted + earlier.Accepted, Quarantined + earlier.Quarantined, Superseded + earlier.Superseded,
            Deleted + earlier.Deleted, Replaced + earlier.Replaced, Truncated + earlier.Truncated, Sum(run => run.QuarantinedByRule), Sum(run => run.WarnedByRule),
            Score(run => run.Completeness), Score(run => run.Validity), Score(run => run.Consistency), Score(run => run.Uniqueness), Score(run => run.Timeliness), Held, Settled is null && earlier.Settled is null ? null : (Settled ?? 0) + (earlier.Settled ?? 0));
    }

    public static RunQuality FromJson(string json) => JsonSerializer.Deserialize<RunQuality>(json, Json.Options) ?? throw new JsonException("It is null.");
}

/// <summary>The table has moved on from what the job was planned on: plan again.</summary>
public sealed class JobSupersededException(string message) : Exception(message);

internal static class Json
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };
}
