namespace Pipeline.Node.Tests.Failures;

/// <summary>What a node keeps beside the lake is read by nobody else on its machine.</summary>
public sealed class PrivateFilesSpec : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pipeline-private-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_journal_is_its_owners_alone_also_one_of_the_release_before(bool isThere)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such rights.");
        var journal = Path.Combine(_directory, "journal.db");
        if (isThere) await File.WriteAllBytesAsync(journal, [], TestContext.Current.CancellationToken);

        await using var node = await RunningNode.StartAsync(_directory, "");
        await node.WaitForMembersAsync(1);

#pragma warning disable CA1416 // Skipped above.
        Assert.All(Directory.GetFiles(_directory, "journal.db*"), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
#pragma warning restore CA1416
    }
}
