using Pipeline.Core;
using Pipeline.Demo.Session;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

public sealed class DemoDirectorySpec : IDisposable
{
    private readonly ScratchDirectory _root = new("pipeline-demo-");

    private string Lake => Path.Combine(_root, "lake");

    public void Dispose() => _root.Dispose();

    [Fact]
    public void A_new_demo_replaces_the_one_before()
    {
        RunDemo();

        using var directory = DemoDirectory.Open(Lake, isResume: false);

        Assert.False(directory.IsResumed);
        Assert.Equal([directory.Servers], Directory.EnumerateFileSystemEntries(Lake));
        Assert.Equal([Path.Combine(directory.Servers, "lock")], Directory.EnumerateFileSystemEntries(directory.Servers));
    }

    [Fact]
    public void Where_somebody_may_be_asked_a_demo_is_replaced_only_if_he_says_so()
    {
        List<string> asked = [];
        using (DemoDirectory.Open(Lake, isResume: false, location => Ask(location, answer: false))) Assert.Empty(asked);
        RunDemo();

        var fault = Assert.Throws<PipelineException>(() => DemoDirectory.Open(Lake, isResume: false, location => Ask(location, answer: false)));
        Assert.Contains("--resume", fault.NextStep, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Lake, "bronze", "file")));
        using (DemoDirectory.Open(Lake, isResume: true, location => Ask(location, answer: false))) Assert.Equal([Lake], asked);
        using (DemoDirectory.Open(Lake, isResume: false, location => Ask(location, answer: true))) Assert.False(File.Exists(Path.Combine(Lake, "bronze", "file")));

        bool Ask(string location, bool answer)
        {
            asked.Add(location);
            return answer;
        }
    }

    [Fact]
    public void A_resumed_demo_keeps_everything()
    {
        RunDemo();

        using var directory = DemoDirectory.Open(Lake, isResume: true);

        Assert.True(directory.IsResumed);
        Assert.True(File.Exists(Path.Combine(Lake, "bronze", "file")));
        Assert.True(File.Exists(Path.Combine(directory.Servers, "manifest.json")));
    }

    [Fact]
    public void Resuming_where_no_demo_has_begun_begins_one()
    {
        using var directory = DemoDirectory.Open(Lake, isResume: true);

        Assert.False(directory.IsResumed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_directory_that_no_demo_made_is_left_alone(bool isResume)
    {
        Directory.CreateDirectory(Lake);
        File.WriteAllText(Path.Combine(Lake, "thesis.txt"), "years of work");

        var fault = Assert.Throws<PipelineException>(() => DemoDirectory.Open(Lake, isResume));

        Assert.Equal(FaultKind.Invalid, fault.Kind);
        Assert.Equal("it is not empty and no demo made it", fault.Cause);
        Assert.Equal([Path.Combine(Lake, "thesis.txt")], Directory.EnumerateFileSystemEntries(Lake));
    }

    [Fact]
    public void One_demo_at_a_time()
    {
        using var running = DemoDirectory.Open(Lake, isResume: false);

        Assert.Equal("another demo is running in it", Assert.Throws<PipelineException>(() => DemoDirectory.Open(Lake, isResume: true)).Cause);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("an empty directory")]
    [InlineData("a demo")]
    public void A_lake_on_a_read_only_file_system_is_told_as_that(string before)
    {
        using var disk = SmallDisk.TryMount(megabytes: 4);
        Assert.SkipWhen(disk is null, "This user may not mount a disk.");
        var lake = Path.Combine(disk.Path, "lake");
        if (before == "an empty directory") Directory.CreateDirectory(lake);
        if (before == "a demo") RunDemo(lake);
        disk.MakeReadOnly();

        foreach (var isResume in new[] { false, true })
        {
            var fault = Assert.Throws<PipelineException>(() => DemoDirectory.Open(lake, isResume));

            Assert.Equal((FaultKind.StorageFull, "the file system is read-only"), (fault.Kind, fault.Cause));
            Assert.Contains("--lake", fault.NextStep, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("lake")]
    [InlineData("lake/.demo")]
    public void A_file_in_the_way_is_named(string file)
    {
        var path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "");

        var fault = Assert.Throws<PipelineException>(() => DemoDirectory.Open(Lake, isResume: true));

        Assert.Equal(file == "lake" ? $"{path} is a file, and must be a directory" : "it is not empty and no demo made it", fault.Cause);
    }

    private void RunDemo() => RunDemo(Lake);

    private static void RunDemo(string lake)
    {
        using var directory = DemoDirectory.Open(lake, isResume: false);
        Directory.CreateDirectory(Path.Combine(lake, "bronze"));
        File.WriteAllText(Path.Combine(lake, "bronze", "file"), "");
        File.WriteAllText(Path.Combine(directory.Servers, "manifest.json"), """{ "seed": 1, "baseTime": "2026-03-02T12:00:00Z", "rowsPerTick": 20, "ticks": 1 }""");
    }
}
