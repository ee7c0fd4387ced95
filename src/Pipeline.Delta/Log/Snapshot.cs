using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Delta.Log;

/// <summary>A table as of one version: immutable, safe to share.</summary>
public sealed class Snapshot
{
    // Most versions of a table share its metadata.
    private static readonly ConditionalWeakTable<MetadataAction, SplitHistories> KnownHistories = [];

    private readonly FileIndex _files;

    internal Snapshot(long version, DateTimeOffset committedAt, ProtocolAction protocol, MetadataAction metadata, Schema schema,
        FileIndex files, ImmutableDictionary<string, TxnAction> txns, FileIndex tombstones)
    {
        Version = version;
        CommittedAt = committedAt;
        Protocol = protocol;
        Metadata = metadata;
        Schema = schema;
        _files = files;
        Txns = txns;
        Tombstones = tombstones;
    }

    public long Version { get; }

    /// <summary>As the commit says; a commit that does not say counts as made when its object was written.</summary>
    public DateTimeOffset CommittedAt { get; }

    /// <summary>The id of the commit that made it, which tells it from a version of the same number in another history of the table; null: unknown.</summary>
    public Guid? CommitId { get; init; }

    public ProtocolAction Protocol { get; }

    public MetadataAction Metadata { get; }

    /// <summary>The table's schema as Arrow types, partition columns included.</summary>
    public Schema Schema { get; }

    public IReadOnlyDictionary<string, AddFile> FilesByPath => _files;

    public IEnumerable<AddFile> Files => _files.Values;

    public ImmutableDictionary<string, TxnAction> Txns { get; }

    /// <summary>The position that application <paramref name="appId"/> has reached; null if never seen.</summary>
    public long? Position(string appId) => Txns.TryGetValue(appId, out var txn) ? txn.Version : null;

    /// <summary>Which history of its source each split is read of.</summary>
    /// <exception cref="PipelineException">A property is not as this product writes it.</exception>
    public SplitHistories Histories => KnownHistories.GetValue(Metadata, metadata => SplitHistories.Of(metadata.Configuration));

    /// <summary>The position that a split has reached in the epoch in which it is read; null if never seen there.</summary>
    public long? Position(SplitId split) => Position(SplitHistory.AppIdOf(split, Histories.EpochOf(split)));

    /// <summary>What is kept beside a split's position.</summary>
    public SplitMarks Marks(SplitId split)
    {
        var epoch = Histories.EpochOf(split);
        return new SplitMarks(Position(SplitHistory.OrderTimeIdOf(split, epoch)), Position(SplitHistory.NoteIdOf(split, epoch)) is >= 0 and var note ? note : null, Position(SplitHistory.LastIdOf(split, epoch)));
    }

    /// <summary>The version that this table reflects of another; null if never seen.</summary>
    public long? Position(TableId table) => Reflects(table.ToString());

    /// <summary>The same by the other's directory: of the one of that name that was read last, whose id stands behind it, or by the name alone.</summary>
    internal long? Reflects(string directory)
    {
        var prefix = directory + "#";
        return Txns.Values.Where(txn => txn.AppId.StartsWith(prefix, StringComparison.Ordinal)).MaxBy(txn => txn.LastUpdatedAt ?? DateTimeOffset.MinValue)?.Version ?? Position(directory);
    }

    /// <summary>Rows of all files; null when a file has no statistics.</summary>
    public long? RowCount => _files.RowCount;

    /// <summary>Bytes of all files.</summary>
    public long Bytes => _files.Bytes;

    /// <summary>Files in which a top-level column may have a value, as far as their statistics tell.</summary>
    public IEnumerable<AddFile> FilesWith(string column)
    {
        if (!Schema.FieldsLookup.Contains(column)) return [];
        var indexed = IndexedColumns.Of(Metadata);
        var areAllCounted = indexed.Has(column) && (indexed.Leaves < 0 || Schema.FieldsList.Count <= indexed.Leaves) && !Schema.FieldsList.Any(field => field.DataType is StructType);
        return Files.Where(file => Statistics.MayHaveValue(file.Stats, column, areAllCounted));
    }

    /// <summary>
    /// Files that left the table and may still be read by others; <see cref="AddFile.ModifiedAt"/> is when they left,
    /// a negative size is unknown.
    /// </summary>
    internal FileIndex Tombstones { get; }

    internal FileIndex Index => _files;
}
