using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

[Collection(HealthySources.Name)]
public sealed class PlanSpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-plan-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Plan_says_what_a_run_creates_and_afterwards_that_nothing_is_left_to_do()
    {
        await using var node = await RunningNode.StartAsync(_directory, sources.Configuration);
        string[] empty = ["plan", "--config", node.ConfigPath, "--lake", Path.Combine(_directory, "elsewhere"), "-o", "json"];
        string[] filled = ["plan", "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json"];
        foreach (var table in (string[])["bronze/app/users", "bronze/events/clicks", "bronze/crm/orders"]) await node.WaitForRowsAsync(table, HealthySources.Rows);

        var before = await NodeRun.OfAsync(empty);
        var after = await NodeRun.OfAsync(filled);

        Assert.Equal(ExitCode.PlanHasChanges, before.ExitCode);
        Assert.Equal(["bronze/app/users", "bronze/events/clicks", "bronze/crm/orders"], before.Rows.Select(change => (string)change!["table"]!));
        Assert.All(before.Rows, change => Assert.Equal("create", (string)change!["change"]!));
        Assert.True(after.ExitCode == ExitCode.Done, after.Data);
        Assert.Empty(after.Rows);
    }

    [Theory]
    [InlineData("app.security.password = wrong", ExitCode.NotAuthorised)]
    [InlineData("app.port = 1", ExitCode.CannotConnect)]
    [InlineData("app.tables.ghosts { table = \"public.ghosts\", watermark = updated_at, key = [id] }", ExitCode.Failed)]
    public async Task What_goes_wrong_decides_the_exit_code_and_keeps_no_other_table_from_being_planned(string mistake, int exitCode)
    {
        var config = await RunningNode.ConfigureAsync(_directory, $"{sources.Configuration}\n{mistake}");

        var run = await NodeRun.OfAsync("plan", "--config", config, "--lake", Path.Combine(_directory, "lake"), "-o", "json");

        Assert.True(run.ExitCode == exitCode, run.Messages);
        Assert.Matches(@"^.+: .+\. \S.+", Assert.Single(run.Messages.TrimEnd().Split('\n')));
        var planned = run.Rows.Select(change => (string)change!["table"]!).ToList();
        Assert.Superset(new HashSet<string> { "bronze/events/clicks", "bronze/crm/orders" }, planned.ToHashSet());
        Assert.Equal(mistake.Contains("ghosts", StringComparison.Ordinal), planned.Contains("bronze/app/users"));
    }
}
