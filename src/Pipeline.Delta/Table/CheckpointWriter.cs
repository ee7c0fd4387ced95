using System.Globalization;
using Apache.Arrow;
using ParquetSharp;
using ParquetSharp.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>Writes classic single-file checkpoints, batch by batch. See PROTOCOL.md, section "V1 Spec".</summary>
internal static class CheckpointWriter
{
    private const int BatchRows = 8192;
    private const int RowGroupRows = 16 * 1024;

    /// <summary>Writes the checkpoint of a snapshot and points <c>_last_checkpoint</c> to it.</summary>
    public static async ValueTask WriteAsync(IObjectStore store, string table, Snapshot snapshot, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var path = LogNames.Checkpoint(table, snapshot.Version);
        long rows, bytes;
        await using (var upload = await store.OpenUploadAsync(path, cancellationToken))
        {
            rows = Write(upload.Content, Actions(snapshot, now), cancellationToken);
            bytes = await upload.CompleteAsync(cancellationToken);
        }

        var hint = string.Create(CultureInfo.InvariantCulture,
            $$"""{"version":{{snapshot.Version}},"size":{{rows}},"sizeInBytes":{{bytes}},"numOfAddFiles":{{snapshot.Index.Count}}}""");
        await store.PutAsync(LogNames.LastCheckpoint(table), System.Text.Encoding.UTF8.GetBytes(hint), cancellationToken);
    }

    private static long Write(Stream output, IEnumerable<DeltaAction> actions, CancellationToken cancellationToken)
    {
        using var compression = new WriterPropertiesBuilder().Compression(Compression.Snappy);
        using var properties = compression.Build();
        using var guarded = new FooterStream(output, DataFileFooter.SparkVersion);
        FileWriter? writer = null;
        long rows = 0;
        try
        {
            foreach (var part in actions.Chunk(BatchRows))
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var batch = new CheckpointRows().Build(part);
                writer ??= new FileWriter(guarded, batch.Schema, properties, leaveOpen: true);
                if (rows % RowGroupRows == 0) writer.NewBufferedRowGroup();
                writer.WriteBufferedRecordBatch(batch);
                rows += batch.Length;
            }

            guarded.Close(() => writer!.Close());
        }
        catch (ParquetException e) when (guarded.Failure is not null)
        {
            throw guarded.Explain(e);
        }
        finally
        {
            writer?.Dispose();
        }

        return rows;
    }

    private static IEnumerable<DeltaAction> Actions(Snapshot snapshot, DateTimeOffset now)
    {
        yield return snapshot.Protocol;
        yield return snapshot.Metadata;
        foreach (var txn in snapshot.Txns.Values.OrderBy(txn => txn.AppId, StringComparer.Ordinal)) yield return txn;
        foreach (var file in snapshot.Files) yield return file;
        var keepFrom = now.Minus(TableProperties.DeletedFileRetention(snapshot.Metadata));
        foreach (var tombstone in snapshot.Tombstones.Values)
        {
            if (tombstone.ModifiedAt >= keepFrom)
                yield return new RemoveFile(tombstone.Path, tombstone.ModifiedAt, DataChange: false, tombstone.PartitionValues,
                    tombstone.Size < 0 ? null : tombstone.Size);
        }
    }
}

/// <summary>Actions as the columns of a checkpoint: one struct column a kind, one action a row.</summary>
internal sealed class CheckpointRows
{
    private readonly TextColumn _appId = new("appId");
    private readonly LongColumn _txnVersion = new("version");
    private readonly LongColumn _lastUpdated = new("lastUpdated");

    private readonly TextColumn _addPath = new("path");
    private readonly TextMapColumn _addValues = new("partitionValues");
    private readonly LongColumn _addSize = new("size");
    private readonly LongColumn _addModified = new("modificationTime");
    private readonly FlagColumn _addDataChange = new("dataChange");
    private readonly TextColumn _addStats = new("stats");
    private readonly TextMapColumn _addTags = new("tags");

    private readonly TextColumn _removePath = new("path");
    private readonly LongColumn _removeDeleted = new("deletionTimestamp");
    private readonly FlagColumn _removeDataChange = new("dataChange");
    private readonly FlagColumn _removeExtended = new("extendedFileMetadata");
    private readonly TextMapColumn _removeValues = new("partitionValues");
    private readonly LongColumn _removeSize = new("size");

    private readonly TextColumn _id = new("id");
    private readonly TextColumn _name = new("name");
    private readonly TextColumn _description = new("description");
    private readonly TextColumn _provider = new("provider");
    private readonly TextMapColumn _options = new("options");
    private readonly StructColumn _format;
    private readonly TextColumn _schemaString = new("schemaString");
    private readonly TextListColumn _partitionColumns = new("partitionColumns");
    private readonly TextMapColumn _configuration = new("configuration");
    private readonly LongColumn _createdTime = new("createdTime");

    private readonly IntegerColumn _minReader = new("minReaderVersion");
    private readonly IntegerColumn _minWriter = new("minWriterVersion");

    private readonly StructColumn _txn;
    private readonly StructColumn _add;
    private readonly StructColumn _remove;
    private readonly StructColumn _metadata;
    private readonly StructColumn _protocol;

    public CheckpointRows()
    {
        _txn = new("txn", _appId, _txnVersion, _lastUpdated);
        _add = new("add", _addPath, _addValues, _addSize, _addModified, _addDataChange, _addStats, _addTags);
        _remove = new("remove", _removePath, _removeDeleted, _removeDataChange, _removeExtended, _removeValues, _removeSize);
        _format = new("format", _provider, _options);
        _metadata = new("metaData", _id, _name, _description, _format, _schemaString, _partitionColumns, _configuration, _createdTime);
        _protocol = new("protocol", _minReader, _minWriter);
    }

    public RecordBatch Build(IReadOnlyList<DeltaAction> actions)
    {
        foreach (var action in actions) Append(action);
        StructColumn[] columns = [_txn, _add, _remove, _metadata, _protocol];
        return new RecordBatch(new Schema(columns.Select(column => column.Field), null), columns.Select(column => column.Build()), actions.Count);
    }

    private void Append(DeltaAction action)
    {
        var filled = action switch
        {
            AddFile add => Append(add),
            RemoveFile remove => Append(remove),
            TxnAction txn => Append(txn),
            MetadataAction metadata => Append(metadata),
            ProtocolAction protocol => Append(protocol),
            _ => throw new ArgumentOutOfRangeException(nameof(action), action.GetType().Name, "Not an action of a checkpoint."),
        };
        filled.End();
        foreach (var column in (ReadOnlySpan<StructColumn>)[_txn, _add, _remove, _metadata, _protocol])
        {
            if (column != filled) column.AppendNull();
        }
    }

    private StructColumn Append(AddFile add)
    {
        _addPath.Append(PathEncoding.Encode(add.Path));
        _addValues.Append(add.PartitionValues);
        _addSize.Append(add.Size);
        _addModified.Append(add.ModifiedAt.ToUnixTimeMilliseconds());
        // Nothing changes by being written down again.
        _addDataChange.Append(value: false);
        _addStats.Append(add.Stats);
        _addTags.Append(add.Tags);
        return _add;
    }

    private StructColumn Append(RemoveFile remove)
    {
        _removePath.Append(PathEncoding.Encode(remove.Path));
        _removeDeleted.Append(remove.DeletedAt.ToUnixTimeMilliseconds());
        _removeDataChange.Append(value: false);
        _removeExtended.Append(remove.Size is not null);
        _removeValues.Append(remove.Size is null ? null : remove.PartitionValues);
        _removeSize.Append(remove.Size);
        return _remove;
    }

    private StructColumn Append(TxnAction txn)
    {
        _appId.Append(txn.AppId);
        _txnVersion.Append(txn.Version);
        _lastUpdated.Append(txn.LastUpdatedAt?.ToUnixTimeMilliseconds());
        return _txn;
    }

    private StructColumn Append(MetadataAction metadata)
    {
        _id.Append(metadata.Id);
        _name.Append(metadata.Name);
        _description.Append(metadata.Description);
        _provider.Append("parquet");
        _options.Append<string>([]);
        _format.End();
        _schemaString.Append(metadata.SchemaString);
        _partitionColumns.Append(metadata.PartitionColumns);
        _configuration.Append(metadata.Configuration);
        _createdTime.Append(metadata.CreatedAt?.ToUnixTimeMilliseconds());
        return _metadata;
    }

    private StructColumn Append(ProtocolAction protocol)
    {
        _minReader.Append(protocol.MinReaderVersion);
        _minWriter.Append(protocol.MinWriterVersion);
        return _protocol;
    }
}
