using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Transform.Jobs;

/// <summary>What an engine says that it has done; believed when <see cref="AnswerCheck"/> has looked.</summary>
public sealed record JobAnswer
{
    public required int Format { get; init; }

    /// <summary>The SHA-256 of the document.</summary>
    public required string Document { get; init; }

    public required string Execution { get; init; }

    public ImmutableArray<AnsweredOutput> Outputs { get; init; } = [];

    /// <summary>Rows of texts by the name of a result.</summary>
    public ImmutableDictionary<string, ImmutableArray<ImmutableArray<string?>>> Figures { get; init; } = ImmutableDictionary<string, ImmutableArray<ImmutableArray<string?>>>.Empty;

    /// <summary>The run has failed.</summary>
    public AnsweredFailure? Failure { get; init; }

    public byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, JobDocument.Options);

    /// <exception cref="JsonException">It is none.</exception>
    public static JobAnswer Read(ReadOnlySpan<byte> utf8) => JsonSerializer.Deserialize<JobAnswer>(utf8, JobDocument.Options) ?? throw new JsonException("It is null.");
}

/// <summary>What was written of one output.</summary>
public sealed record AnsweredOutput(string Name, ImmutableArray<AnsweredFile> Files)
{
    /// <summary>A Parquet file of the rows that are replaced; null: none are.</summary>
    public AnsweredFile? Marks { get; init; }

    /// <summary>Files of the table whose other rows are in the new ones.</summary>
    public ImmutableArray<string> Rewritten { get; init; } = [];
}

/// <summary>A file, by its path below the table.</summary>
public sealed record AnsweredFile(string Path, long Size, long Rows)
{
    /// <summary>Of its bytes, as eight hexadecimal digits; null: its engine has not taken one, and whoever accepts the answer does.</summary>
    public string? Crc32c { get; init; }
}

/// <summary>Why a run has failed.</summary>
/// <param name="Kind">A <see cref="FaultKind"/> in kebab case, or <see cref="RuleBroken"/>.</param>
public sealed record AnsweredFailure(string Kind, string Thing, string Cause, string Next)
{
    /// <summary>The kind of rows that break a rule which stops their table and what is made of it.</summary>
    public const string RuleBroken = "rule-broken";

    public PipelineException ToException() => Kind == RuleBroken
        ? new(FaultKind.Invalid, Thing, Cause, Next) { IsRuleBroken = true }
        : new(Enum.TryParse<FaultKind>(Kind.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var kind) ? kind : FaultKind.Defect, Thing, Cause, Next);
}
