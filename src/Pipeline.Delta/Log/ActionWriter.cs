using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Pipeline.Delta.Log;

/// <summary>Actions as the lines of a commit file, in the order given.</summary>
internal static class ActionWriter
{
    // Plain UTF-8: escapes only what JSON demands.
    internal static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ReadOnlyMemory<byte> Write(IEnumerable<DeltaAction> actions)
    {
        var lines = new ArrayBufferWriter<byte>(4096);
        using var json = new Utf8JsonWriter(lines, Json);
        foreach (var action in actions)
        {
            json.WriteStartObject();
            Write(json, action);
            json.WriteEndObject();
            json.Flush();
            json.Reset();
            lines.Write("\n"u8);
        }

        return lines.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, DeltaAction action)
    {
        switch (action)
        {
            case CommitInfo info: Write(json, info); break;
            case ProtocolAction protocol: Write(json, protocol); break;
            case MetadataAction metadata: Write(json, metadata); break;
            case TxnAction txn: Write(json, txn); break;
            case RemoveFile remove: Write(json, remove); break;
            case AddFile add: Write(json, add); break;
            default: throw new ArgumentOutOfRangeException(nameof(action), action.GetType().Name, "Not an action of the log.");
        }
    }

    private static void Write(Utf8JsonWriter json, CommitInfo info)
    {
        json.WriteStartObject("commitInfo"u8);
        json.WriteNumber("timestamp"u8, info.Timestamp.ToUnixTimeMilliseconds());
        json.WriteString("operation"u8, info.Operation);
        WriteMap(json, "operationParameters", info.OperationParameters);
        if (info.ReadVersion is { } readVersion) json.WriteNumber("readVersion"u8, readVersion);
        json.WriteString("isolationLevel"u8, "Serializable"u8);
        json.WriteBoolean("isBlindAppend"u8, info.IsBlindAppend);
        if (info.OperationMetrics is { IsEmpty: false } metrics) WriteMap(json, "operationMetrics", metrics);
        if (info.EngineInfo is { } engine) json.WriteString("engineInfo"u8, engine);
        json.WriteString("txnId"u8, info.TxnId);
        if (info.ActionCount is { } count) json.WriteNumber("actionCount"u8, count);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ProtocolAction protocol)
    {
        json.WriteStartObject("protocol"u8);
        json.WriteNumber("minReaderVersion"u8, protocol.MinReaderVersion);
        json.WriteNumber("minWriterVersion"u8, protocol.MinWriterVersion);
        WriteFeatures(json, "readerFeatures", protocol.ReaderFeatures);
        WriteFeatures(json, "writerFeatures", protocol.WriterFeatures);
        json.WriteEndObject();
    }

    private static void WriteFeatures(Utf8JsonWriter json, string name, ImmutableArray<string>? features)
    {
        if (features is not { } list) return;
        json.WriteStartArray(name);
        foreach (var feature in list) json.WriteStringValue(feature);
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, MetadataAction metadata)
    {
        json.WriteStartObject("metaData"u8);
        json.WriteString("id"u8, metadata.Id);
        if (metadata.Name is not null) json.WriteString("name"u8, metadata.Name);
        if (metadata.Description is not null) json.WriteString("description"u8, metadata.Description);
        json.WriteStartObject("format"u8);
        json.WriteString("provider"u8, "parquet"u8);
        json.WriteStartObject("options"u8);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteString("schemaString"u8, metadata.SchemaString);
        json.WriteStartArray("partitionColumns"u8);
        foreach (var column in metadata.PartitionColumns) json.WriteStringValue(column);
        json.WriteEndArray();
        WriteMap(json, "configuration", metadata.Configuration);
        if (metadata.CreatedAt is { } createdAt) json.WriteNumber("createdTime"u8, createdAt.ToUnixTimeMilliseconds());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, TxnAction txn)
    {
        json.WriteStartObject("txn"u8);
        json.WriteString("appId"u8, txn.AppId);
        json.WriteNumber("version"u8, txn.Version);
        if (txn.LastUpdatedAt is { } updatedAt) json.WriteNumber("lastUpdated"u8, updatedAt.ToUnixTimeMilliseconds());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, RemoveFile remove)
    {
        json.WriteStartObject("remove"u8);
        json.WriteString("path"u8, PathEncoding.Encode(remove.Path));
        json.WriteNumber("deletionTimestamp"u8, remove.DeletedAt.ToUnixTimeMilliseconds());
        json.WriteBoolean("dataChange"u8, remove.DataChange);
        // Readers expect the next two fields exactly when this one is true.
        json.WriteBoolean("extendedFileMetadata"u8, remove is { PartitionValues: not null, Size: not null });
        if (remove is { PartitionValues: { } values, Size: { } size })
        {
            WriteMap(json, "partitionValues", values);
            json.WriteNumber("size"u8, size);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, AddFile add)
    {
        json.WriteStartObject("add"u8);
        json.WriteString("path"u8, PathEncoding.Encode(add.Path));
        WriteMap(json, "partitionValues", add.PartitionValues);
        json.WriteNumber("size"u8, add.Size);
        json.WriteNumber("modificationTime"u8, add.ModifiedAt.ToUnixTimeMilliseconds());
        json.WriteBoolean("dataChange"u8, add.DataChange);
        if (add.Stats is not null) json.WriteString("stats"u8, add.Stats);
        if (add.Tags is not null) WriteMap(json, "tags", add.Tags);
        json.WriteEndObject();
    }

    /// <summary>Keys in ordinal order, so that the same commit has the same bytes.</summary>
    private static void WriteMap<T>(Utf8JsonWriter json, string name, ImmutableDictionary<string, T> map)
        where T : class?
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in map.OrderBy(entry => entry.Key, StringComparer.Ordinal)) json.WriteString(key, value as string);
        json.WriteEndObject();
    }
}
