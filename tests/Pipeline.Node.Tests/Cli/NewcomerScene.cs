using System.Text.RegularExpressions;
using Npgsql;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A configuration of one table that a newcomer has, what he types, and what he is told.</summary>
internal sealed partial class NewcomerScene(string directory, string connectionString)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What he types.</summary>
    public string[] Command { get; set; } = ["check"];

    /// <summary>Of his shell.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public string Directory { get; } = directory;

    public string ConfigPath => Path.Combine(Directory, "shop.conf");

    /// <summary>His file.</summary>
    public string Text { get; set; } = "";

    /// <summary>What is behind <c>--config</c>; null: his file.</summary>
    public string? OtherConfig { get; set; }

    public void Replace(string right, string wrong)
    {
        Assert.Contains(right, Text, StringComparison.Ordinal);
        Text = Text.Replace(right, wrong, StringComparison.Ordinal);
    }

    public async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    /// <returns>How it ended, and the lines that are not about what is well.</returns>
    public async Task<(int ExitCode, IReadOnlyList<string> Told)> RunAsync()
    {
        if (Text.Length > 0) await File.WriteAllTextAsync(ConfigPath, Text, Cancel);
        var run = await NodeRun.OfAsync(Environment, [.. Command, "--config", OtherConfig ?? ConfigPath]).WaitAsync(Deadlines.Test, Cancel);
        return (run.ExitCode, [.. run.Data.Split('\n').Where(line => line.StartsWith("FAIL  ", StringComparison.Ordinal) || line.StartsWith("      ", StringComparison.Ordinal))
            .Concat(run.Messages.Split('\n')).Where(line => line.Trim().Length > 0 && !Quiet().IsMatch(line))]);
    }

    /// <summary>The statement among what was told.</summary>
    public static string SqlIn(IEnumerable<string> told) => Assert.Single(told.Select(line => Statement().Match(line).Value).Where(sql => sql.Length > 0).Distinct(StringComparer.Ordinal));

    /// <summary>What is proposed in place of what is wrong.</summary>
    public static string ProposalIn(IEnumerable<string> told) => Assert.Single(told.Select(line => Proposal().Match(line).Groups[1].Value).Where(word => word.Length > 0).Distinct(StringComparer.Ordinal));

    [GeneratedRegex("^[0-9-]+ [0-9:]+Z INF ")]
    private static partial Regex Quiet();

    [GeneratedRegex(@"\b(?:GRANT|ALTER|UPDATE|CREATE) .*;")]
    private static partial Regex Statement();

    [GeneratedRegex("Did you mean '([^']+)'")]
    private static partial Regex Proposal();
}
