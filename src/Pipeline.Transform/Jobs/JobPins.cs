using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;

namespace Pipeline.Transform.Jobs;

/// <summary>A version of a table that a job reads.</summary>
/// <param name="After">The version that the previous run has read; null: none. Silver reads only what came after it.</param>
public sealed record PinnedInput(TableId Table, long? After, long Version)
{
    /// <summary>The table's <c>metaData.id</c>; null: a run of a release before, which did not look.</summary>
    public string? Id { get; init; }

    /// <summary>The id of the commit of that version, which tells it from one of a table restored from an older copy; null: unknown.</summary>
    public Guid? Commit { get; init; }

    /// <summary>The <c>appId</c> under which the version is remembered.</summary>
    [JsonIgnore]
    public string AppId => Id is { } id ? Reflected.AppId(Table, id) : Table.ToString();
}

/// <summary>A table that a job writes.</summary>
/// <param name="Version">The version it starts from; null: the table does not exist.</param>
public sealed record PinnedTarget(TableId Table, long? Version);

/// <summary>Attempts at a table that failed, one after another.</summary>
/// <param name="Attempts">At least one.</param>
/// <param name="Since">When the first of them failed.</param>
public sealed record FailedBefore(int Attempts, DateTimeOffset Since);

/// <summary>
/// What identifies one run of a transform: everything its result depends on. Running the same pins again gives the same
/// rows, so a run that was cut off is repeated with its own pins and finishes what is missing.
/// </summary>
public sealed record JobPins
{
    /// <summary>The table's own appId in its log: the number of the run that made a version.</summary>
    public const string RunAppId = "run";

    /// <summary>The key under which a commit carries its pins.</summary>
    public const string Parameter = "job";

    /// <summary>The table: <c>silver/users</c>.</summary>
    public required TableId Table { get; init; }

    /// <summary>Counted from 1; the table's log says which was the last.</summary>
    public required long Run { get; init; }

    /// <summary>When the run was decided: the time that its rows carry.</summary>
    public required DateTimeOffset RequestedAt { get; init; }

    public required ImmutableArray<PinnedInput> Inputs { get; init; }

    public required ImmutableArray<PinnedTarget> Targets { get; init; }

    /// <summary>New Bronze rows that it reads; null for Gold.</summary>
    public long? Rows { get; init; }

    /// <summary>
    /// Rows of the quarantine whose parents have come that it takes at most, the next run takes more; null: all, which is what runs
    /// of the release before have done, and Gold has none.
    /// </summary>
    public long? HeldRowsMax { get; init; }

    /// <summary>The same in bytes of their text; one row at least.</summary>
    public long? HeldBytesMax { get; init; }

    /// <summary>It judges rows of the quarantine again that were judged by other rules, and lets none out for their parents alone. Null: it does not.</summary>
    public bool? JudgesAgain { get; init; }

    /// <summary>How often somebody had asked for the whole quarantine to be judged again; null: never.</summary>
    public long? Redrives { get; init; }

    /// <summary>
    /// Where it reads less than Bronze has, and rows may break a rule that stops it: the version up to which it looks whether they were mended since. Null: it reads all, or nothing stops it.
    /// </summary>
    public long? BronzeAhead { get; init; }

    /// <summary>The run reflects every Bronze row committed up to this time; null when unknown.</summary>
    public DateTimeOffset? ReflectsUntil { get; init; }

    /// <summary>The engine that executes it, decided with the run and never later; null: the one in process, as of all runs of releases before.</summary>
    public string? Engine { get; init; }

    /// <summary>Why that engine, for people; null: there was no other.</summary>
    public string? EngineWhy { get; init; }

    /// <summary>
    /// The statements that it computes, by their SHA-256; they lie beside the table. Null: those of the contract when it is run, as of
    /// all runs of releases before.
    /// </summary>
    public string? Statements { get; init; }

    /// <summary>The table was removed and is made again: of what its quarantine and its deletes hold nothing counts. Null: it was not.</summary>
    public bool? IsAnew { get; init; }

    /// <summary>The table beside this one that was built to take its place: the run does that and computes nothing. Null: it computes.</summary>
    public TableId? RebuiltFrom { get; init; }

    /// <summary>What had failed before this run was planned, since the last that succeeded; null: nothing, or nothing is known.</summary>
    public FailedBefore? FailedBefore { get; init; }

    /// <summary>It is executed by an engine elsewhere.</summary>
    [JsonIgnore]
    public bool IsElsewhere => Engine is not null;

    /// <summary>For people and logs: <c>silver/users#12</c>.</summary>
    [JsonIgnore]
    public string Id => $"{Table}#{Run}";

    /// <summary>
    /// Whether it is the same run: two that were planned without knowing of each other may have one number. Whatever executes it and
    /// whatever failed before it, its rows are the same; and a node of the release before does not send those back.
    /// </summary>
    public bool IsSame(JobPins? other) => other is not null && Run == other.Run && (Statements is null || other.Statements is null || (Statements == other.Statements && Inputs.SequenceEqual(other.Inputs))) && RowsOnly.ToJson() == other.RowsOnly.ToJson();

    private JobPins RowsOnly => this with { Engine = null, EngineWhy = null, FailedBefore = null, Statements = null, IsAnew = null, BronzeAhead = null, Inputs = [.. Inputs.Select(input => input with { Id = null, Commit = null })] };

    public PinnedInput? Input(TableId table) => Inputs.FirstOrDefault(input => input.Table == table);

    public long? TargetVersion(TableId table) => Targets.FirstOrDefault(target => target.Table == table)?.Version;

    public string ToJson() => JsonSerializer.Serialize(this, Json.Options);

    public static JobPins FromJson(string json) => JsonSerializer.Deserialize<JobPins>(json, Json.Options) ?? throw new JsonException("It is null.");
}
