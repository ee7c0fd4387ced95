using System.Text.Json;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>The SQL of the reference's Silver and Gold tables, written for Spark, is Spark's to a grammar that is not ours.</summary>
public sealed class SparkGrammarSpec
{
    private static readonly string Repository = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Golden.PathOf("x"))!, "../../.."));

    private static readonly string Script = Path.Combine(Repository, "tests/Pipeline.Transform.Tests/Dialects/SparkGrammar");

    [Fact]
    public async Task All_statements_of_the_reference_are_of_Sparks_grammar()
    {
        var modules = await NpmModules.TryFetchAsync(Path.Combine(Script, "package.json"), TestContext.Current.CancellationToken);
        Assert.SkipWhen(modules is null, "npm cannot fetch dt-sql-parser.");
        var graph = Reference();
        var statements = graph.Silver.SelectMany(StatementsOf)
            .Concat(graph.Gold.Select(node => (Name: node.Table.ToString(), Sql: SqlDialect.Spark.Render(node.Gold.Sql))))
            // The parser can say no.
            .Append((Name: "no statement", Sql: "SELECT * FROM t WHERE SELECT")).ToList();
        var directory = Directory.CreateTempSubdirectory("grammar-");
        try
        {
            var file = Path.Combine(directory.FullName, "statements.json");
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(statements.Select(statement => new { name = statement.Name, sql = statement.Sql })), TestContext.Current.CancellationToken);
            await using var node = OutsideProgram.TryStart("node", [Path.Combine(Script, "parse.mjs"), modules, file]);
            Assert.SkipWhen(node is null, "There is no node.");

            var (exit, lines) = await node.WaitForExitAsync(TestContext.Current.CancellationToken);

            var wrong = lines.Where(line => line.StartsWith("wrong ", StringComparison.Ordinal)).ToList();
            Assert.True(exit == 1 && wrong.Count == 1 && wrong[0].Contains("no statement", StringComparison.Ordinal), string.Join(Environment.NewLine, lines));
            Assert.Contains($"{statements.Count} statements", lines[^1], StringComparison.Ordinal);
            Assert.Equal((11, 11), (graph.Silver.Count, graph.Gold.Count));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_reference_holds_nothing_that_is_not_portable() => Assert.Empty(Reference().Unportable);

    private static IEnumerable<(string Name, string Sql)> StatementsOf(SilverContract contract)
    {
        var bronze = BronzeOf(contract);
        var silver = new SilverSql(contract, bronze, SqlDialect.Spark);
        yield return ($"{contract.Table} checked", silver.Checked);
        yield return ($"{contract.Table} releasable", silver.Releasable);
        yield return ($"{contract.Table} latest", new LatestSql(contract, bronze, SqlDialect.Spark).Query);
    }

    /// <summary>A Bronze table that has what a contract reads.</summary>
    private static Schema BronzeOf(SilverContract contract)
    {
        var columns = contract.Columns.Where(column => column.From is not null && column.Path is null && column.From[0] != '_').Select(column => $"{column.From} {ColumnType.Format(column.Type)}");
        if (contract.Format == RecordFormat.Json) columns = ["_partition int", "_offset long", "_timestamp timestamp", "_key string", "_headers string", "value string"];
        else columns = columns.Concat(contract.Columns.Where(column => column.Path is not null).Select(column => $"{column.From} string")).Append("_changed string").Distinct();
        return new Schema([.. TestLake.BronzeColumns([.. columns]), BronzeColumns.IngestDateField], null);
    }

    private static TransformGraph Reference()
    {
        var silver = string.Concat(Directory.GetFiles(Path.Combine(Repository, "hocon/silver"), "*.conf").Order(StringComparer.Ordinal).Select(file => File.ReadAllText(file) + "\n"));
        var gold = File.ReadAllText(Path.Combine(Repository, "hocon/gold/gold.conf"));
        return TestGraph.Of(silver, gold, [.. Directory.GetFiles(Path.Combine(Repository, "hocon/gold"), "*.sql").Select(file => (Path.GetFileName(file), File.ReadAllText(file)))]);
    }
}
