using Pipeline.Demo.Session;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

public sealed class MaskKeyFileSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("mask-key-");

    private string KeyPath => Path.Combine(_directory, "mask.key");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_key_is_made_once_for_its_owner_alone()
    {
        MaskKeyFile.Ensure(KeyPath);
        var made = File.ReadAllText(KeyPath);
        MaskKeyFile.Ensure(KeyPath);

        Assert.Matches("^[0-9a-f]{64}\\s*$", made);
        Assert.Equal(made, File.ReadAllText(KeyPath));
        Assert.Equal(["mask.key"], Directory.EnumerateFiles(_directory).Select(Path.GetFileName));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
    }

    [Theory]
    [InlineData("mask.key")]
    [InlineData("mask.key.unfinished")]
    public void What_a_killed_process_has_left_is_no_key(string left)
    {
        File.WriteAllText(Path.Combine(_directory, left), "");

        MaskKeyFile.Ensure(KeyPath);

        Assert.Matches("^[0-9a-f]{64}\\s*$", File.ReadAllText(KeyPath));
        Assert.Equal(["mask.key"], Directory.EnumerateFiles(_directory).Select(Path.GetFileName));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
    }
}
