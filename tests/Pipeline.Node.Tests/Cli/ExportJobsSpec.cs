using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class ExportJobsSpec : IDisposable
{
    private static readonly string Config = Path.Combine(Repository.Root, "hocon", "pipeline.conf");

    private readonly LakeFixture _lake = new();
    private readonly ScratchDirectory _directory = new("pipeline-export-");

    private string To => Path.Combine(_directory, "export");

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task Its_folder_is_its_owners_alone_and_it_says_whose_rows_it_holds()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such rights.");
        await _lake.AppendAsync(TableId.Silver("users"), "Ada");
        foreach (var isThere in (bool[])[false, true])
        {
            if (isThere) ScratchDirectory.Delete(To);
            if (isThere) Directory.CreateDirectory(To, (UnixFileMode)0b111_111_111);

            var run = await ExportAsync(To);

            Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
            Assert.Equal("silver/users", (string)Assert.Single(run.Rows)!["table"]!);
            Assert.Contains("personal data included", run.Messages, StringComparison.Ordinal);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(To));
            Assert.Equal(["README.md", "jobs.json"], Directory.GetFileSystemEntries(To).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Nothing_that_is_there_is_written_over()
    {
        await _lake.AppendAsync(TableId.Silver("users"), "Ada");
        Directory.CreateDirectory(To);
        var file = Path.Combine(To, "notes");
        await File.WriteAllTextAsync(file, "mine", TestContext.Current.CancellationToken);

        foreach (var to in (string[])[To, file])
        {
            var run = await ExportAsync(to);

            Assert.Equal(ExitCode.Failed, run.ExitCode);
            Assert.Equal($"Directory {to}: it is there and not empty. Name another with --to: nothing that is there is written over.\n", run.Messages);
        }

        Assert.Equal("mine", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        Assert.Equal([file], Directory.GetFileSystemEntries(To));
    }

    [Fact]
    public async Task A_lake_without_tables_of_the_configuration_has_nothing_to_export()
    {
        await _lake.AppendAsync(TableId.Silver("of_nobody"), "Ada");

        var run = await ExportAsync(To);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.StartsWith($"Lake {_lake.Directory}: it has no Silver or Gold table of the configuration. ", run.Messages, StringComparison.Ordinal);
        Assert.False(Directory.Exists(To));
    }

    [Fact]
    public async Task The_lake_itself_is_no_place_for_it()
    {
        await _lake.AppendAsync(TableId.Silver("users"), "Ada");

        var run = await ExportAsync(Path.Combine(_lake.Directory, "silver", "export"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("it lies in the lake", run.Messages, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_lake.Directory, "silver", "export")));
    }

    [Fact]
    public async Task A_location_of_its_tables_is_no_place_for_it()
    {
        await _lake.AppendAsync(TableId.Silver("users"), "Ada");
        var (config, place) = (Path.Combine(_directory, "pipeline.conf"), Path.Combine(_directory, "place"));
        await File.WriteAllTextAsync(config, $$"""
            include "{{Config}}"
            pipeline.locations { streaming { location = "{{place}}" } }
            """, TestContext.Current.CancellationToken);

        var run = await NodeRun.OfAsync("export-jobs", "--lake", _lake.Directory, "--config", config, "--to", Path.Combine(place, "export"), "-o", "json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"it lies in location streaming ({place})", run.Messages, StringComparison.Ordinal);
        Assert.False(Directory.Exists(place));
    }

    private Task<NodeRun> ExportAsync(string to) => NodeRun.OfAsync("export-jobs", "--lake", _lake.Directory, "--config", Config, "--to", to, "-o", "json");
}
