using System.Text.Json;
using Pipeline.Testing;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>Spark's grammar as others have written it down: npm's dt-sql-parser.</summary>
internal static class SparkGrammar
{
    private static readonly string Script = Path.Combine(ReferenceGraph.Repository, "tests/Pipeline.Transform.Tests/Dialects/SparkGrammar");

    /// <summary>Fails for statements that are not of the grammar; skips the test where it cannot be had.</summary>
    public static async Task AcceptsAsync(IEnumerable<(string Name, string Sql)> statements)
    {
        var modules = await NpmModules.TryFetchAsync(Path.Combine(Script, "package.json"), TestContext.Current.CancellationToken);
        Assert.SkipWhen(modules is null, "npm cannot fetch dt-sql-parser.");
        // The parser can say no.
        var all = statements.Append((Name: "no statement", Sql: "SELECT * FROM t WHERE SELECT")).ToList();
        using var directory = new ScratchDirectory("grammar-");
        var file = Path.Combine(directory, "statements.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(all.Select(statement => new { name = statement.Name, sql = statement.Sql })), TestContext.Current.CancellationToken);
        await using var node = OutsideProgram.TryStart("node", [Path.Combine(Script, "parse.mjs"), modules, file]);
        Assert.SkipWhen(node is null, "There is no node.");

        var (exit, lines) = await node.WaitForExitAsync(TestContext.Current.CancellationToken);

        var wrong = lines.Where(line => line.StartsWith("wrong ", StringComparison.Ordinal)).ToList();
        Assert.True(exit == 1 && wrong.Count == 1 && wrong[0].Contains("no statement", StringComparison.Ordinal), string.Join(Environment.NewLine, lines));
        Assert.Contains($"{all.Count} statements", lines[^1], StringComparison.Ordinal);
    }
}
