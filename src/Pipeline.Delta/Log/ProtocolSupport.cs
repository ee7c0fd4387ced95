using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Delta.Log;

/// <summary>Which tables we read and write. See PROTOCOL.md, sections "Requirements for Readers" and "for Writers".</summary>
internal static class ProtocolSupport
{
    /// <summary>What we write: every engine reads it.</summary>
    public static readonly ProtocolAction Own = new(1, 2);

    private const int FeaturesReaderVersion = 3;
    private const int WriterVersionMax = 2;

    /// <summary>Reader features that ask nothing of a reader, or that we know.</summary>
    private static readonly ImmutableArray<string> ReadableFeatures = ["timestampNtz", "vacuumProtocolCheck", "columnMapping"];

    /// <summary>What writer versions above ours stand for, for the message.</summary>
    private static readonly ImmutableSortedDictionary<int, string> WriterVersions = ImmutableSortedDictionary<int, string>.Empty
        .Add(3, "checkConstraints").Add(4, "changeDataFeed, generatedColumns").Add(5, "columnMapping").Add(6, "identityColumns").Add(7, "table features");

    /// <exception cref="PipelineException">Reading it could give wrong rows.</exception>
    public static void CheckReadable(string table, ProtocolAction protocol, MetadataAction metadata)
    {
        if (protocol.MinReaderVersion > FeaturesReaderVersion)
            throw Unsupported(table, "read", $"reader version {protocol.MinReaderVersion}");
        if (protocol.MinReaderVersion == FeaturesReaderVersion)
        {
            var unknown = (protocol.ReaderFeatures ?? []).Except(ReadableFeatures, StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
            if (unknown.Count > 0) throw Unsupported(table, "read", $"the reader features {string.Join(", ", unknown)}");
        }

        if (metadata.Configuration.TryGetValue(TableProperties.ColumnMappingModeKey, out var mode) && mode is not ("none" or "name"))
            throw Unsupported(table, "read", $"the reader feature columnMapping (mode {mode})");
    }

    /// <exception cref="PipelineException">Writing it could break a promise that the table makes.</exception>
    public static void CheckWritable(string table, Snapshot snapshot)
    {
        var protocol = snapshot.Protocol;
        if (protocol.MinWriterVersion > WriterVersionMax)
        {
            var named = protocol.WriterFeatures is { IsEmpty: false } features
                ? string.Join(", ", features.Order(StringComparer.Ordinal))
                : WriterVersions.GetValueOrDefault(protocol.MinWriterVersion, "unknown");
            throw Unsupported(table, "written", $"writer version {protocol.MinWriterVersion} ({named})");
        }

        if (InvariantColumn(snapshot.Schema.FieldsList, path: "") is { } column)
            throw Unsupported(table, "written", $"an invariant on column {column}");
    }

    private static PipelineException Unsupported(string table, string verb, string what) =>
        new(FaultKind.Invalid, $"Table {table}", $"it cannot be {verb}: it needs {what}, which this version of pipeline does not support",
            "Use another engine for this table, or drop the feature from it.");

    private static string? InvariantColumn(IReadOnlyList<Field> fields, string path)
    {
        foreach (var field in fields)
        {
            if (field.HasMetadata && field.Metadata.ContainsKey("delta.invariants")) return path + field.Name;
            if (field.DataType is StructType structure && InvariantColumn(structure.Fields, path + field.Name + ".") is { } inner) return inner;
        }

        return null;
    }

    /// <exception cref="PipelineException">The table is not ours to write, or keeps its rows.</exception>
    public static void CheckRowsMayGo(string table, Snapshot snapshot)
    {
        CheckWritable(table, snapshot);
        if (TableProperties.IsAppendOnly(snapshot.Metadata))
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"it is append-only ({TableProperties.AppendOnlyKey}), and the commit removes rows",
                "Write to another table, or unset the property.");
    }
}
