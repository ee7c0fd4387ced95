using System.Runtime.InteropServices;
using Pipeline.Testing;

namespace Pipeline.Core.Tests;

/// <summary>What tests work in goes with them, also where somebody still writes.</summary>
public sealed class ScratchDirectorySpec
{
    private const int Writers = 4;

    [Fact]
    public void It_is_deleted_while_others_write_into_it()
    {
        using var scratch = new ScratchDirectory("scratch-");
        using var begun = new CountdownEvent(Writers);
        var writers = Enumerable.Range(0, Writers).Select(writer =>
        {
            var thread = new Thread(() => WriteUntilGone(Directory.CreateDirectory(Path.Combine(scratch, "lake", $"table-{writer % 2}")).FullName, writer, begun));
            thread.Start();
            return thread;
        }).ToList();
        begun.Wait(TestContext.Current.CancellationToken);

        scratch.Dispose();

        foreach (var writer in writers) writer.Join();
        Assert.False(Directory.Exists(scratch));
    }

    [Fact]
    public void It_is_its_users_alone_and_may_be_deleted_twice()
    {
        using var scratch = new ScratchDirectory("scratch-");

        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(scratch));
        scratch.Dispose();
        Assert.False(Directory.Exists(scratch));
    }

    /// <summary>As a checkpoint is written beside the commits: nobody waits for it.</summary>
    private static void WriteUntilGone(string directory, int writer, CountdownEvent begun)
    {
        for (var n = 0; ; n++)
        {
            try
            {
                File.WriteAllBytes(Path.Combine(directory, $"{writer}-{n}"), MemoryMarshal.AsBytes([n]));
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }

            if (n == 50) begun.Signal();
        }
    }
}
