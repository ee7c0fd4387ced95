using System.CommandLine;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Verbs;

internal sealed class PlanVerb() : Verb("plan", "Show what a run would create or change in the lake; exit code 2 when there is something.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var lake = invocation.OpenLake();
        var listing = new Listing("table", "change", "columns");

        using var logs = invocation.CreateLogs(LogLevel.Warning);
        await using var sources = OpenSources.Open(options.Sources, new SourceServices(invocation.Context.Time, logs, new LocalSecretStore()));
        foreach (var source in sources)
        {
            foreach (var table in source.Tables)
            {
                var schema = BronzeColumns.TableSchema(await source.DescribeAsync(table.Name, cancellationToken));
                await CompareAsync(lake, TableId.Bronze(source.Name, table.Name), schema, listing, cancellationToken);
            }
        }

        foreach (var table in options.Graph.Tables) await CompareAsync(lake, table, new Schema(options.Graph.ColumnsOf(table), null), listing, cancellationToken);

        if (listing.Count == 0) invocation.Context.Messages.WriteLine($"The lake {lake.Store.Location} has every table in its right shape.");
        if (listing.Count > 0 || invocation.Format == OutputFormat.Json) invocation.Print(listing);
        return listing.Count == 0 ? ExitCode.Done : ExitCode.PlanHasChanges;
    }

    private static async Task CompareAsync(Lake lake, TableId id, Schema wanted, Listing changes, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(id, cancellationToken) is not { } table)
        {
            changes.Add(id.ToString(), "create", string.Join(", ", wanted.FieldsList.Select(Describe)));
            return;
        }

        var present = table.Current.Schema.FieldsList.ToDictionary(field => field.Name, StringComparer.OrdinalIgnoreCase);
        var added = wanted.FieldsList.Where(field => !present.ContainsKey(field.Name)).ToList();
        if (added.Count > 0) changes.Add(id.ToString(), "add columns", string.Join(", ", added.Select(Describe)));
        var retyped = wanted.FieldsList.Where(field => present.TryGetValue(field.Name, out var old) && TypeName(old) != TypeName(field)).ToList();
        if (retyped.Count > 0)
            changes.Add(id.ToString(), "change types", string.Join(", ", retyped.Select(field => $"{field.Name} {TypeName(present[field.Name])} -> {TypeName(field)}")));
    }

    private static string Describe(Field field) => $"{field.Name} {TypeName(field)}";

    private static string TypeName(Field field) => field.DataType switch
    {
        Apache.Arrow.Types.Decimal128Type type => $"decimal({type.Precision},{type.Scale})",
        var type => type.Name,
    };
}
