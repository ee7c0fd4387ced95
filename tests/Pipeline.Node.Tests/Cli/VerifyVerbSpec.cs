using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Verification;
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

        var run = await NodeRun.OfAsync("verify", "--lake", _lake.Directory, "--config", "nowhere.conf");
        var deep = await NodeRun.OfAsync("verify", "--deep", "--lake", _lake.Directory, "--config", "nowhere.conf", "-o", "json");

        Assert.Equal((ExitCode.Done, ExitCode.Done), (run.ExitCode, deep.ExitCode));
        Assert.StartsWith("Verified: ", LastLine(run), StringComparison.Ordinal);
        Assert.Contains(deep.Rows, check => (string?)check!["found"] == "files_are_as_written");
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
        Assert.Equal([(People.ToString(), "files", "file_has_other_bytes")], deep.Rows.Where(check => !(bool)check!["ok"]!).Select(check => ((string)check!["table"]!, (string)check["check"]!, (string)check["found"]!)));
    }

    [Fact]
    public async Task A_place_without_tables_is_no_lake()
    {
        using var empty = new ScratchDirectory("no-lake-");

        foreach (var place in (string[])[empty, Path.Combine(empty, "typo")])
        {
            var run = await NodeRun.OfAsync("verify", "--lake", place, "-o", "json");

            Assert.Equal(ExitCode.Breached, run.ExitCode);
            Assert.Equal("lake_is_empty", (string?)Assert.Single(run.Rows)!["found"]);
            Assert.StartsWith("NOT as promised: the lake itself.", LastLine(run), StringComparison.Ordinal);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(empty));
    }

    [Fact]
    public async Task A_node_that_starts_says_in_its_lake_what_this_shall_hold_and_what_was_made_before()
    {
        using var directory = new ScratchDirectory("verify-node-");
        await _lake.AppendRecordsAsync(People, null, 3, 0, 1, 2);
        File.Delete(Path.Combine(_lake.Directory, "_pipeline", "made", $"{People}.json"));
        // One that has left the configuration, and the lake.
        await MadeTables.RecordAsync(_lake.Lake.Store, TableId.Silver("former"), "an id", TestContext.Current.CancellationToken);
        var cancel = TestContext.Current.CancellationToken;
        await using (var node = await RunningNode.StartAsync(directory, """app { type = kafka, bootstrap = "127.0.0.1:1", tables { people { topic = people }, visits { topic = visits } } }""", _lake.Directory,
            "silver { people { from = bronze/app/people, columns { id { type = long, from = _offset } }, key = [id] } }"))
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            deadline.CancelAfter(Deadlines.Test);
            while (await MadeTables.FindAsync(_lake.Lake.Store, deadline.Token) is var made && (!made.ContainsKey(People) || made.ContainsKey(TableId.Silver("former")))) await Task.Delay(20, deadline.Token);
        }

        var tables = Assert.IsType<LakeTables>(await LakeTables.TryReadAsync(_lake.Lake.Store, cancel));
        Assert.Equal([People, TableId.Bronze("app", "visits")], tables.Bronze.Select(table => table.Table));
        Assert.Equal((TableId.Silver("people"), People), (Assert.Single(tables.Silver).Table, tables.Silver[0].From));

        ScratchDirectory.Delete(Path.Combine(_lake.Directory, People.ToString()));
        var run = await NodeRun.OfAsync("verify", "--lake", _lake.Directory, "--config", "nowhere.conf", "-o", "json");
        Assert.Equal(ExitCode.Breached, run.ExitCode);
        Assert.Contains(run.Rows, check => ((string?)check!["table"], (string?)check["found"]) == (People.ToString(), "table_is_gone"));
        Assert.Contains(run.Rows, check => (string?)check!["found"] == "is_not_made_yet");
    }

    private static string LastLine(NodeRun run) => run.Messages.Trim().Split('\n')[^1];
}
