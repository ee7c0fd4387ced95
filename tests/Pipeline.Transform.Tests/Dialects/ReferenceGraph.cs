using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>The Silver and Gold tables of <c>hocon/</c>.</summary>
internal static class ReferenceGraph
{
    public static string Repository { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Golden.PathOf("x"))!, "../../.."));

    public static TransformGraph Bind()
    {
        var silver = string.Concat(Directory.GetFiles(Path.Combine(Repository, "hocon/silver"), "*.conf").Order(StringComparer.Ordinal).Select(file => File.ReadAllText(file) + "\n"));
        var gold = File.ReadAllText(Path.Combine(Repository, "hocon/gold/gold.conf"));
        return TestGraph.Of(silver, gold, [.. Directory.GetFiles(Path.Combine(Repository, "hocon/gold"), "*.sql").Select(file => (Path.GetFileName(file), File.ReadAllText(file)))]);
    }

    /// <summary>A Bronze table that has what a contract reads.</summary>
    public static Schema BronzeOf(SilverContract contract)
    {
        var columns = contract.Columns.Where(column => column.From is not null && column.Path is null && column.From[0] != '_').Select(column => $"{column.From} {ColumnType.Format(column.Type)}");
        if (contract.Format == RecordFormat.Json) columns = ["_partition int", "_offset long", "_timestamp timestamp", "_key string", "_headers string", "value string"];
        else columns = columns.Concat(contract.Columns.Where(column => column.Path is not null).Select(column => $"{column.From} string")).Append("_changed string").Distinct();
        return new Schema([.. TestLake.BronzeColumns([.. columns]), BronzeColumns.IngestDateField], null);
    }
}
