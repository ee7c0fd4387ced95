using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>What a node keeps beside the lake is read by nobody else on its machine.</summary>
public sealed class PrivateFilesSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-private-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task The_journal_is_its_owners_alone_also_one_of_the_release_before(bool isThere)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such rights.");
        var journal = Path.Combine(_directory, "journal.db");
        if (isThere) await File.WriteAllBytesAsync(journal, [], TestContext.Current.CancellationToken);

        await using var node = await RunningNode.StartAsync(_directory, "");
        await node.WaitForMembersAsync(1);

        // The coordinator opens it when it is its turn: filled, it was made private before.
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        while (new FileInfo(journal) is not { Exists: true, Length: > 0 }) await Task.Delay(20, deadline.Token);
        // Files that SQLite keeps beside it come and go: one that has gone has no mode.
        const UnixFileMode gone = (UnixFileMode)(-1);
        Assert.All(Directory.GetFiles(_directory, "journal.db*").Select(file => new FileInfo(file).UnixFileMode).Where(mode => mode != gone),
            mode => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(journal).UnixFileMode);
    }
}
