using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Delta.Table;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// One run as steps that any engine interprets, with all its SQL and files: <c>docs/job-document.md</c> says what its fields mean.
/// Known by the SHA-256 of its bytes.
/// </summary>
public sealed record JobDocument
{
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>Whose SQL it holds: <see cref="Dialects.SqlDialect.Engine"/>.</summary>
    public required string Dialect { get; init; }

    public required DocumentRun Run { get; init; }

    /// <summary>Where locations begin.</summary>
    public required string Root { get; init; }

    /// <summary>Where locations begin that do not begin at <see cref="Root"/>; null: all do.</summary>
    public ImmutableSortedDictionary<string, string>? Roots { get; init; }

    /// <summary>Its SQL needs the key of masks, which the document does not have: the relation <c>mask_key</c> and the functions that seal rows. Null: it does not.</summary>
    public bool? Masks { get; init; }

    public ImmutableArray<JobRelation> Relations { get; init; } = [];

    public ImmutableArray<JobOutput> Outputs { get; init; } = [];

    public ImmutableArray<JobStep> Steps { get; init; } = [];

    /// <summary>The directory of an execution in the directory of a table: readers pass it by, vacuum finds it.</summary>
    public static string Directory(string execution) => ExecutionDirectory.Of(execution);

    /// <summary>Where a table's directory is.</summary>
    public string PlaceOf(string location) => $"{(Roots?.GetValueOrDefault(location) ?? Root).TrimEnd('/')}/{location}";

    public byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, Options);

    /// <exception cref="PipelineException">It is none, or of a later release.</exception>
    public static JobDocument Read(ReadOnlySpan<byte> utf8)
    {
        try
        {
            if (JsonSerializer.Deserialize<JobDocument>(utf8, Options) is { Format: CurrentFormat } document) return document;
        }
        catch (JsonException e)
        {
            throw Unreadable(e.Message.TrimEnd('.'), e);
        }

        throw Unreadable($"it is not of format {CurrentFormat}", null);
    }

    public static string Sha256Of(ReadOnlySpan<byte> utf8) => Convert.ToHexStringLower(SHA256.HashData(utf8));

    private static PipelineException Unreadable(string cause, Exception? inner) =>
        new(FaultKind.Invalid, "Job document", $"it cannot be read: {cause}", "Make it again with this release.", inner);

    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // SQL stays readable; nothing of it goes into a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}

/// <summary>For logs and messages.</summary>
public sealed record DocumentRun(TableId Table, long Number);

/// <summary>Data files of a table as a relation.</summary>
/// <param name="Name">As the SQL calls it; two parts are separated by a dot.</param>
/// <param name="Location">The table's directory.</param>
public sealed record JobRelation(string Name, string Location, ImmutableArray<JobColumn> Columns, ImmutableArray<JobFile> Files)
{
    /// <summary>Whether it has the columns of a row's file and place in it.</summary>
    public bool Origin { get; init; }

    /// <summary>Rows that are not there.</summary>
    public string? LeftOut { get; init; }

    public NearHint? Near { get; init; }

    /// <summary>A hint: only rows of files in column <c>_file</c> of this relation are needed.</summary>
    public string? FilesOf { get; init; }

    /// <summary>A hint: rows are needed only when this relation has one.</summary>
    public string? NeededWhen { get; init; }
}

/// <summary>A data file, by its path below the table.</summary>
/// <param name="Rows">Null: unknown.</param>
/// <param name="Low">No value of the column that <see cref="NearHint"/> names first is less; null: unknown.</param>
/// <param name="High">None is greater.</param>
public sealed record JobFile(string Path, long Size, long? Rows, string? Low = null, string? High = null);

/// <summary>A hint: only rows whose values of the columns occur in the relation are needed.</summary>
public sealed record NearHint(string Relation, ImmutableArray<string> Columns);

/// <summary>What becomes data files of a table.</summary>
public sealed record JobOutput(string Name, string Location, ImmutableArray<JobColumn> Columns)
{
    /// <summary>About the size at which a file ends.</summary>
    public long TargetBytes { get; init; } = 128_000_000;

    /// <summary>Columns that rows are sorted by; none: any order.</summary>
    public ImmutableArray<string> Order { get; init; } = [];
}

/// <summary>A message of a failure with places <c>{0}</c>, <c>{1}</c>, … for values.</summary>
public sealed partial record FaultWords(string Thing, string Cause, string Next)
{
    /// <summary><see cref="AnsweredFailure.RuleBroken"/>, or null: <c>invalid</c>.</summary>
    public string? Kind { get; init; }

    public PipelineException ToException(IReadOnlyList<object?> values, Exception? inner = null) =>
        new(FaultKind.Invalid, Fill(Thing, values), Fill(Cause, values), Fill(Next, values), inner) { IsRuleBroken = Kind == AnsweredFailure.RuleBroken };

    // A value may look like a place: each text is read once.
    private static string Fill(string text, IReadOnlyList<object?> values) =>
        Place().Replace(text, match => int.Parse(match.Groups["place"].ValueSpan, CultureInfo.InvariantCulture) is var place && place < values.Count ? $"{values[place] ?? "null"}" : match.Value);

    [GeneratedRegex(@"\{(?<place>[0-9]{1,2})\}")]
    private static partial Regex Place();
}

[JsonPolymorphic(TypeDiscriminatorPropertyName = "do")]
[JsonDerivedType(typeof(DefineStep), "define")]
[JsonDerivedType(typeof(JudgeStep), "judge")]
[JsonDerivedType(typeof(CheckStep), "check")]
[JsonDerivedType(typeof(WriteStep), "write")]
[JsonDerivedType(typeof(FiguresStep), "figures")]
public abstract record JobStep;

/// <summary>Makes a relation of a SELECT.</summary>
public sealed record DefineStep(string Name, string Sql) : JobStep
{
    /// <summary>It is computed once, here.</summary>
    public bool Keep { get; init; }

    public FaultWords? RowFault { get; init; }

    /// <summary>Done instead when a row makes it fail.</summary>
    public ImmutableArray<JobStep> Otherwise { get; init; } = [];
}

/// <summary>Finds out how conditions end on each row, of which some fail.</summary>
public sealed record JudgeStep(string Name, string Rows, ImmutableArray<string> Columns, ImmutableArray<string> Checks) : JobStep;

/// <summary>A SELECT that must return no row.</summary>
public sealed record CheckStep(string Sql, FaultWords Fault) : JobStep;

/// <summary>Writes a relation as data files of an output.</summary>
public sealed record WriteStep(string Output, string From) : JobStep
{
    /// <summary>The rows of the table that they replace.</summary>
    public string? Replaced { get; init; }

    /// <summary>The files of the table of which all other rows are among them.</summary>
    public string? Rewritten { get; init; }

    /// <summary>The name of what was written, for later steps.</summary>
    public string? As { get; init; }

    public FaultWords? RowFault { get; init; }
}

/// <summary>Brings a small result back.</summary>
public sealed record FiguresStep(string Name, string Sql, ImmutableArray<JobColumn> Columns) : JobStep;
