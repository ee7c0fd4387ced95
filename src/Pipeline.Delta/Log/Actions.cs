using System.Collections.Immutable;

namespace Pipeline.Delta.Log;

/// <summary>One entry of a Delta commit. See PROTOCOL.md, section "Actions".</summary>
public abstract record DeltaAction;

/// <summary>Which readers and writers may touch the table. We write (1, 2).</summary>
public sealed record ProtocolAction(int MinReaderVersion, int MinWriterVersion,
    ImmutableArray<string>? ReaderFeatures = null, ImmutableArray<string>? WriterFeatures = null) : DeltaAction;

/// <summary>Schema, partitioning and table properties. <paramref name="SchemaString"/> is Delta's JSON schema.</summary>
public sealed record MetadataAction(string Id, string SchemaString, ImmutableArray<string> PartitionColumns,
    ImmutableDictionary<string, string> Configuration, string? Name = null, string? Description = null,
    DateTimeOffset? CreatedAt = null) : DeltaAction;

/// <summary>A data file becomes part of the table.</summary>
/// <param name="Path">Relative to the table, not URI-encoded.</param>
/// <param name="PartitionValues">As Delta writes them: strings, null for null.</param>
/// <param name="Size">Bytes.</param>
/// <param name="DataChange">False when rows only moved between files.</param>
/// <param name="Stats">Delta's statistics JSON; null when there are none.</param>
public sealed record AddFile(string Path, ImmutableDictionary<string, string?> PartitionValues, long Size,
    DateTimeOffset ModifiedAt, bool DataChange, string? Stats, ImmutableDictionary<string, string>? Tags = null) : DeltaAction
{
    /// <summary>Rows in the file according to its statistics; null without.</summary>
    public long? RowCount => Statistics.RowCount(Stats);

    /// <summary>Of its bytes, as its writer has taken it; null: it has not.</summary>
    public uint? Checksum => FileChecksum.Of(Tags);
}

/// <summary>A data file leaves the table; it stays on storage until vacuum.</summary>
public sealed record RemoveFile(string Path, DateTimeOffset DeletedAt, bool DataChange,
    ImmutableDictionary<string, string?>? PartitionValues = null, long? Size = null) : DeltaAction;

/// <summary>An application's progress: for us, a split's position.</summary>
public sealed record TxnAction(string AppId, long Version, DateTimeOffset? LastUpdatedAt = null) : DeltaAction;

/// <summary>Who committed what. <paramref name="TxnId"/> identifies the attempt after an ambiguous answer.</summary>
public sealed record CommitInfo(DateTimeOffset Timestamp, string Operation, ImmutableDictionary<string, string> OperationParameters,
    long? ReadVersion, bool IsBlindAppend, Guid TxnId, ImmutableDictionary<string, string>? OperationMetrics = null) : DeltaAction
{
    /// <summary>What <see cref="EngineInfo"/> says of a commit of this program.</summary>
    public const string OwnEngine = "pipeline";

    /// <summary>Lines of the commit, this one included: a commit cut off between two lines shows. Null from other writers.</summary>
    public int? ActionCount { get; init; }

    /// <summary>Which program has made it, by its own word.</summary>
    public string? EngineInfo { get; init; } = OwnEngine;

    /// <summary>Tells the commit from every other; null: its writer gave it none.</summary>
    public Guid? Id => TxnId == Guid.Empty ? null : TxnId;
}
