using System.Security.Cryptography;
using System.Text;
using Pipeline.Operations.Options;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Control;

/// <summary>What tells nodes of one configuration from those of another: tables, workers and contracts.</summary>
internal static class ConfigurationPrint
{
    public static string Of(PipelineOptions options)
    {
        var lines = options.Sources.SelectMany(source => source.Tables.Select(table => $"{source.Kind} {source.Name} {table.Name} {table.Workers}"))
            .Concat(options.Graph.Silver.Select(contract => $"{contract.Table} {ContractFingerprint.OfJudging(contract, redrives: 0)}"))
            .Concat(options.Graph.Gold.Select(node => $"{node.Table} {JobPlanner.Fingerprint(node.Gold)}")).Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))).AsSpan(0, 8));
    }
}
