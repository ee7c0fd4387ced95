using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What an operator types to have a lake twice, and to have it back.</summary>
public sealed class BackupVerbsSpec : IDisposable
{
    private static readonly TableId People = TableId.Bronze("app", "people");

    private readonly LakeFixture _lake = new();
    private readonly ScratchDirectory _directory = new("backup-verbs-");

    private string Place => Path.Combine(_directory, "place");

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_lake_that_was_backed_up_is_brought_back_verified_and_only_into_an_empty_place()
    {
        await _lake.AppendRecordsAsync(People, null, 3, 0, 2);
        await _lake.AppendLettersAsync(People, null, 3, 1);
        var first = await BackUpAsync();
        await _lake.AppendRecordsAsync(People, 3, 5, 3, 4);
        var second = await BackUpAsync();
        Assert.True(Objects(first) > Objects(second) && Objects(second) > 0, $"{first}\n{second}");

        var target = Path.Combine(_directory, "target");
        var restored = await NodeRun.OfAsync("restore", "--from", Place, "--lake", target, "-o", "json");
        Assert.True(restored.ExitCode == ExitCode.Done, restored.Data + restored.Messages);
        Assert.Contains("The lake is as it was at ", restored.Messages, StringComparison.Ordinal);
        Assert.Equal(4, await RowsAsync(target));
        var again = await NodeRun.OfAsync("restore", "--from", Place, "--lake", target);
        Assert.Equal(ExitCode.Failed, again.ExitCode);
        Assert.Contains("it has tables", again.Messages, StringComparison.Ordinal);

        var earlier = Path.Combine(_directory, "earlier");
        Assert.Equal(ExitCode.Done, (await NodeRun.OfAsync("restore", "--from", Place, "--backup", "1", "--lake", earlier)).ExitCode);
        Assert.Equal(2, await RowsAsync(earlier));
    }

    [Fact]
    public async Task A_place_without_backups_is_said()
    {
        var run = await NodeRun.OfAsync("restore", "--from", Place, "--lake", Path.Combine(_directory, "target"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"Backups in {Place}: there are none", run.Messages, StringComparison.Ordinal);
    }

    private async Task<NodeRun> BackUpAsync()
    {
        var run = await NodeRun.OfAsync("backup", "--to", Place, "--lake", _lake.Directory, "-o", "json");
        Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
        return run;
    }

    private static int Objects(NodeRun run) => run.Rows.Sum(row => (int)row!["objects_copied"]!);

    private static async Task<int> RowsAsync(string lake) =>
        (int)(await NodeRun.OfAsync("tables", "--lake", lake, "-o", "json")).Rows.Single(row => (string)row!["table"]! == People.ToString())!["rows"]!;
}
