using System.Diagnostics;

namespace Pipeline.Testing;

/// <summary>A directory of its own for a test, private to this user, which goes with it. Stands for its path.</summary>
/// <remarks>
/// What is tested may still write when a test ends (a checkpoint beside the commits, a process that is being ended), and a
/// deletion that meets a writer fails. So the directory first gets a name that no writer knows, and what was under way then
/// is over in a moment: the deletion is repeated until it holds, for minutes at most.
/// </remarks>
public sealed class ScratchDirectory(string prefix) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

#pragma warning disable RS0030 // Here is where tests make and delete directories.
    /// <summary>Absolute.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory(prefix).FullName;

    public static implicit operator string(ScratchDirectory directory) => directory.Path;

    /// <summary>Deletes a directory with all that is in it, whoever still writes there. None is fine too.</summary>
    /// <exception cref="IOException">After a minute somebody still writes.</exception>
    public static void Delete(string path)
    {
        var begun = Stopwatch.GetTimestamp();
        var aside = $"{path}-deleted-{Guid.NewGuid():N}";
        if (Directory.Exists(path)) Directory.Move(path, aside);
        while (Directory.Exists(aside))
        {
            try
            {
                Directory.Delete(aside, recursive: true);
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(begun) < Patience)
            {
                // Somebody made a file after its directory was listed.
            }
        }
    }
#pragma warning restore RS0030

    public override string ToString() => Path;

    public void Dispose() => Delete(Path);
}
