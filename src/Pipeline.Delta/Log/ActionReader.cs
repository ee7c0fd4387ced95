using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Delta.Log;

/// <summary>Reads commit files. Unknown actions and fields are passed over, as the protocol asks.</summary>
internal static class ActionReader
{
    /// <param name="name">The object, for errors.</param>
    /// <exception cref="PipelineException">The commit is damaged.</exception>
    public static List<DeltaAction> Read(string name, long version, ReadOnlyMemory<byte> content)
    {
        List<DeltaAction> actions = [];
        int? expected = null;
        var lines = 0;
        var rest = content;
        if (rest.Span.StartsWith("\uFEFF"u8)) rest = rest[3..];
        while (!rest.IsEmpty)
        {
            var end = rest.Span.IndexOf((byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (line.Span.Trim(" \r\t"u8).IsEmpty) continue;

            lines++;
            try
            {
                using var document = JsonDocument.Parse(line);
                if (Read(document.RootElement) is not { } action) continue;
                if (action is CommitInfo { ActionCount: { } count }) expected = count;
                actions.Add(action);
            }
            catch (Exception e) when (DataFaults.Are(e))
            {
                throw Damaged(name, version, $"line {lines} is not an action: {DataFaults.Cause(e)}", e);
            }
        }

        if (lines == 0) throw Damaged(name, version, "the commit is empty");
        return expected is { } all && all != lines ? throw Damaged(name, version, $"the commit has {lines} of its {all} actions") : actions;
    }

    /// <summary>The action of one line; null: none that can be read.</summary>
    public static DeltaAction? TryReadLine(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return Read(document.RootElement);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    private static PipelineException Damaged(string name, long version, string cause, Exception? inner = null) =>
        new(FaultKind.Damaged, name, $"version {version} of the table cannot be read: {cause}", "Restore the object from a backup.", inner);

    private static DeltaAction? Read(JsonElement line)
    {
        foreach (var property in line.EnumerateObject())
        {
            var body = property.Value;
            if (body.ValueKind == JsonValueKind.Null) continue;
            switch (property.Name)
            {
                case "add": return ReadAdd(body);
                case "remove": return ReadRemove(body);
                case "txn": return new TxnAction(Text(body, "appId"), body.GetProperty("version").GetInt64(), TimeOrNull(body, "lastUpdated"));
                case "metaData": return ReadMetadata(body);
                case "protocol":
                    return new ProtocolAction(body.GetProperty("minReaderVersion").GetInt32(), body.GetProperty("minWriterVersion").GetInt32(),
                        Texts(body, "readerFeatures"), Texts(body, "writerFeatures"));
                case "commitInfo": return ReadCommitInfo(body);
                default: break;
            }
        }

        return null;
    }

    private static AddFile ReadAdd(JsonElement body) =>
        new(PathEncoding.Decode(Text(body, "path")), Map(body, "partitionValues") ?? NoValues, body.GetProperty("size").GetInt64(),
            TimeOrNull(body, "modificationTime") ?? DateTimeOffset.UnixEpoch, Flag(body, "dataChange"), TextOrNull(body, "stats"), Strings(body, "tags"));

    private static RemoveFile ReadRemove(JsonElement body) =>
        // Without a time a removed file counts as removed long ago.
        new(PathEncoding.Decode(Text(body, "path")), TimeOrNull(body, "deletionTimestamp") ?? DateTimeOffset.UnixEpoch,
            Flag(body, "dataChange"), Map(body, "partitionValues"), NumberOrNull(body, "size"));

    private static MetadataAction ReadMetadata(JsonElement body) =>
        new(TextOrNull(body, "id") ?? "", TextOrNull(body, "schemaString") ?? "",
            Texts(body, "partitionColumns") ?? [], Strings(body, "configuration") ?? NoStrings,
            TextOrNull(body, "name"), TextOrNull(body, "description"), TimeOrNull(body, "createdTime"));

    // Free JSON by the protocol: whatever another writer put there must not keep us from reading the commit.
    private static CommitInfo ReadCommitInfo(JsonElement body) =>
        new(TimeOrNull(body, "timestamp") ?? DateTimeOffset.UnixEpoch, TextOrNull(body, "operation") ?? "",
            Strings(body, "operationParameters") ?? NoStrings, NumberOrNull(body, "readVersion"), Flag(body, "isBlindAppend"),
            Guid.TryParse(TextOrNull(body, "txnId"), out var id) ? id : Guid.Empty, Strings(body, "operationMetrics"))
        {
            ActionCount = (int?)NumberOrNull(body, "actionCount"),
            EngineInfo = TextOrNull(body, "engineInfo"),
        };

    internal static readonly ImmutableDictionary<string, string?> NoValues = ImmutableDictionary.Create<string, string?>(StringComparer.Ordinal);
    internal static readonly ImmutableDictionary<string, string> NoStrings = ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    private static string Text(JsonElement body, string name) =>
        body.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    private static string? TextOrNull(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool Flag(JsonElement body, string name) => body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static long? NumberOrNull(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private static DateTimeOffset? TimeOrNull(JsonElement body, string name) =>
        NumberOrNull(body, name) is { } milliseconds ? Moments.OfMilliseconds(milliseconds) : null;

    private static ImmutableArray<string>? Texts(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => item.GetString() ?? "")]
            : null;

    private static ImmutableDictionary<string, string?>? Map(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? NoValues.AddRange(value.EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, entry.Value.GetString())))
            : null;

    private static ImmutableDictionary<string, string>? Strings(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? NoStrings.AddRange(value.EnumerateObject().Where(entry => entry.Value.ValueKind != JsonValueKind.Null)
                .Select(entry => KeyValuePair.Create(entry.Name, entry.Value.ToString())))
            : null;
}
