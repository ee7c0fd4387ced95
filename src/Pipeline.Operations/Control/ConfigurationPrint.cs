using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Control;

/// <summary>What tells nodes of one configuration from those of another: tables, workers and contracts.</summary>
internal static class ConfigurationPrint
{
    public static string Of(PipelineOptions options)
    {
        var lines = Lines(options).Select(table => table.Line).Order(StringComparer.Ordinal);
        return Hash(string.Join('\n', lines));
    }

    /// <summary>The same of each table alone.</summary>
    public static ImmutableArray<KnownTable> OfTables(PipelineOptions options) => [.. Lines(options).Select(table => new KnownTable(table.Table, Hash(table.Line)))];

    private static IEnumerable<(TableId Table, string Line)> Lines(PipelineOptions options) =>
        options.Sources.SelectMany(source => source.Tables.Select(table => (TableId.Bronze(source.Name, table.Name), $"{source.Kind} {source.Name} {table.Name} {table.Workers}")))
            .Concat(options.Graph.Silver.Select(contract => (contract.Table, $"{contract.Table} {ContractFingerprint.OfJudging(contract, redrives: 0)}")))
            .Concat(options.Graph.Gold.Select(node => (node.Table, $"{node.Table} {JobPlanner.Fingerprint(node.Gold)}")));

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
}
