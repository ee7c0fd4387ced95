using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// The wall clock of a process that somebody moves while it runs, by Debian's <c>libfaketime</c>; time that only counts
/// up, which waiting goes by, stays what it is.
/// </summary>
/// <remarks>
/// librdkafka waits by C11's <c>cnd_timedwait</c> until a moment of this clock. The library does not know that function: behind a clock that was
/// set back every wait would be over before it began. A few lines of C, compiled here, hand it on to the one that the library knows.
/// </remarks>
public sealed class FakeClock : IDisposable
{
    private const string Needs = "Moving a process's clock needs libfaketime and a C compiler (Debian, Ubuntu: sudo apt-get install libfaketime gcc libc6-dev).";

    private const string Waits = """
        #include <errno.h>
        #include <pthread.h>
        #include <threads.h>
        int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
          int result = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
          return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
        }
        """;

    private readonly ScratchDirectory _directory = new("pipeline-clock-");

    private FakeClock(string library)
    {
        // The server reads it under another account.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_directory, File.GetUnixFileMode(_directory) | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Move(TimeSpan.Zero);
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["LD_PRELOAD"] = $"{CompileWaits()}:{library}",
            ["FAKETIME_TIMESTAMP_FILE"] = TimestampFile,
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_DISABLE_SHM"] = "1",
            ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
            ["DONT_FAKE_MONOTONIC"] = "1",
        };
    }

    /// <summary>What a process needs in its environment to go by this clock.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    private string TimestampFile => Path.Combine(_directory, "offset");

    /// <summary>A clock that is right; skips the test where there is no library.</summary>
    public static FakeClock Create()
    {
        var library = ((string[])["/usr/lib", "/usr/local/lib"]).Where(Directory.Exists)
            .SelectMany(directory => Directory.GetDirectories(directory).Append(directory))
            .Select(directory => Path.Combine(directory, "faketime", "libfaketimeMT.so.1")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(library is null, Needs);
        return new FakeClock(library);
    }

    /// <summary>From now on the clock is off by so much.</summary>
    public void Move(TimeSpan offset)
    {
        var next = TimestampFile + ".next";
        File.WriteAllText(next, string.Create(CultureInfo.InvariantCulture, $"{offset.TotalSeconds:+0;-0;+0}\n"));
        // At once: a reader never sees half of it.
        File.Move(next, TimestampFile, overwrite: true);
    }

    public void Dispose() => _directory.Dispose();

    private string CompileWaits()
    {
        var (source, compiled) = (Path.Combine(_directory, "waits.c"), Path.Combine(_directory, "waits.so"));
        File.WriteAllText(source, Waits);
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("cc", ["-shared", "-fPIC", "-O1", "-o", compiled, source]) { UseShellExecute = false })!;
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (Win32Exception)
        {
            Assert.Skip(Needs);
        }

        return compiled;
    }
}
