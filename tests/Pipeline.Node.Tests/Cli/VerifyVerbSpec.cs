using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A lake that is named is judged by what it says itself; the last line is for people, and the exit code for programs.</summary>
public sealed class VerifyVerbSpec : IDisposable
{
    private static readonly TableId People = TableId.Bronze("app", "people");

    private readonly LakeFixture _lake = new();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Of_a_whole_lake_it_says_so_and_is_done()
    {
        await _lake.AppendRecordsAsync(People, null, 3, 0, 1, 2);

        var run = await NodeRun.OfAsync("verify", "--lake", _lake.Directory, "--config", "nowhere.conf", "-o", "json");
        var deep = await NodeRun.OfAsync("verify", "--deep", "--lake", _lake.Directory, "--config", "nowhere.conf", "-o", "json");

        Assert.Equal((ExitCode.Done, ExitCode.Done), (run.ExitCode, deep.ExitCode));
        Assert.StartsWith("Verified: ", LastLine(run), StringComparison.Ordinal);
        Assert.Contains("bytes as they were written", deep.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_promise_that_is_broken_it_names_the_tables_and_ends_with_3()
    {
        await _lake.AppendRecordsAsync(People, null, 3, 0, 1, 2);
        var file = _lake.DataFiles(People).Single().FullName;
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[30] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);

        var deep = await NodeRun.OfAsync("verify", "--deep", "--lake", _lake.Directory, "--config", "nowhere.conf", "-o", "json");

        Assert.Equal(ExitCode.Breached, deep.ExitCode);
        Assert.StartsWith($"NOT as promised: {People}.", LastLine(deep), StringComparison.Ordinal);
        Assert.Contains("has other bytes than were written", deep.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_place_without_tables_is_no_lake()
    {
        using var empty = new ScratchDirectory("no-lake-");

        foreach (var place in (string[])[empty, Path.Combine(empty, "typo")])
        {
            var run = await NodeRun.OfAsync("verify", "--lake", place, "-o", "json");

            Assert.Equal(ExitCode.Breached, run.ExitCode);
            Assert.Contains("it has no tables", run.Data, StringComparison.Ordinal);
            Assert.StartsWith("NOT as promised: the lake itself.", LastLine(run), StringComparison.Ordinal);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(empty));
    }

    private static string LastLine(NodeRun run) => run.Messages.Trim().Split('\n')[^1];
}
