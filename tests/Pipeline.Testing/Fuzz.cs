using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// Gives a decoder good inputs that were changed by chance: flipped bits, cuts, splices, numbers and words at their extremes.
/// Whatever it is given, it gives a value or the one error of its boundary, soon and with little memory. CsCheck prints the
/// seed of a failure; <c>CsCheck_Seed</c> runs it again.
/// </summary>
/// <remarks>
/// What is changed is kept: the folder <c>Corpus/TEST</c> of the calling test's project has good inputs (<c>good-HASH</c>), as
/// they were when they were written, and what was found once (<c>finding-NAME</c>), which is given as it is too.
/// <c>CORPUS=update</c> adds the good inputs of today.
/// </remarks>
public sealed class Fuzz
{
    private const long AllocatedMax = 256L << 20;

    /// <summary>Far beyond what any input takes: a decoder that needs so long does not end.</summary>
    private static readonly TimeSpan TimeMax = Deadlines.Test;

    private static readonly byte[][] Extremes =
    [
        [0], [0x7F], [0x80], [0xFF], [0, 0, 0, 0], [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F],
        [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0xFE, 0xFF, 0xFF, 0xFF, 0x0F],
        .. new[]
        {
            "null", "true", "-1", "0", "1e400", "-0", "0.5", "1E-400", "2147483648", "9223372036854775808", "-9223372036854775809", "99999999999999999999999999999999999999999", "\"\"", "[]", "{}", "\"\\ud800\"",
            "\"\\u0000\"", "\\", "\"", "{", "}", "[", "]", ",", ":", "%", "%2e%2e%2f", "..", "decimal(99,-1)", "\uFEFF", "NaN", "Infinity", "0x", ";", "=", "//", "/*",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly Gen<byte[]> Token = Gen.OneOf(Gen.Int[0, Extremes.Length - 1].Select(index => Extremes[index]), Gen.Byte.Array[1, 8]);

    private static readonly Gen<Change> Changes = Gen.Select(Gen.Int[0, 6], Gen.Double[0, 1], Gen.Double[0, 1], Token, Gen.Int[0, int.MaxValue - 1])
        .Select((kind, at, to, token, other) => new Change(kind, at, to, token, other));

    /// <summary>How many of those that go through a whole reading each, which takes a hundred times as long as decoding one.</summary>
    public static int ReadingsOr(int few) => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 5_000 : few;

    /// <summary>How many changed inputs each decoder is given.</summary>
    public static int Inputs => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 100_000 : 2_000;

    private readonly IReadOnlyList<byte[]> _good;
    private readonly IReadOnlyList<byte[]> _findings;
    private readonly IReadOnlyList<byte[]> _corpus;

    /// <param name="good">Good inputs.</param>
    /// <param name="test">The test's name, which names the folder.</param>
    public Fuzz(IReadOnlyList<byte[]> good, [CallerFilePath] string testFile = "", [CallerMemberName] string test = "")
    {
        var folder = Path.Combine(Golden.ProjectOf(testFile), "Corpus", test);
        if (Environment.GetEnvironmentVariable("CORPUS") == "update") Write(folder, good);
        _good = [.. good, .. Kept(folder, "good-*")];
        _findings = Kept(folder, "finding-*");
        _corpus = [.. _good, .. _findings];
        Assert.True(_good.Count > good.Count, $"There is nothing in {folder}. Run the test once with CORPUS=update and commit what it wrote.");
    }

    public Fuzz(IEnumerable<string> good, [CallerFilePath] string testFile = "", [CallerMemberName] string test = "")
        : this([.. good.Select(Encoding.UTF8.GetBytes)], testFile, test)
    {
    }

    /// <param name="decode">Throws what it throws.</param>
    /// <param name="isOfData">Whether that is the error of the decoder's boundary.</param>
    /// <param name="inputs">How many; all of <see cref="Inputs"/> unless it is given.</param>
    public async Task RunAsync(Action<byte[]> decode, Func<Exception, bool> isOfData, int? inputs = null)
    {
        var (wanted, given, refused) = (inputs ?? Inputs, 0, 0);
        foreach (var good in _good) decode([.. good]);
        foreach (var found in _findings) Decode(decode, isOfData, [.. found]);

        byte[] running = [];
        var startedAt = TimeProvider.System.GetTimestamp();
        var sampling = Task.Run(() => Gen.Select(Gen.Int[0, _corpus.Count - 1], Changes.Array[1, 4]).Sample(drawn =>
        {
            var input = drawn.Item2.Aggregate(_corpus[drawn.Item1], Apply);
            (running, startedAt) = (input, TimeProvider.System.GetTimestamp());
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            given++;
            if (!Decode(decode, isOfData, input)) refused++;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.True(allocated < AllocatedMax, string.Create(CultureInfo.InvariantCulture, $"{allocated >> 20} MiB for {Show(input)}"));
        }, iter: wanted, threads: 1, print: drawn => Show(drawn.Item2.Aggregate(_corpus[drawn.Item1], Apply))));
        while (await Task.WhenAny(sampling, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)) != sampling)
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < TimeMax, $"It does not end for {Show(running)}");
        await sampling;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{given} changed inputs: {given - refused} read, {refused} refused"));
        Assert.True(given >= wanted, $"{given} inputs of {wanted}");
    }

    /// <returns>Whether it is a value. If not, it was told what is wrong.</returns>
    private static bool Decode(Action<byte[]> decode, Func<Exception, bool> isOfData, byte[] input)
    {
        try
        {
            decode(input);
            return true;
        }
        catch (Exception e) when (isOfData(e))
        {
            return false;
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"{e.GetType().Name} for {Show(input)}: {e}", e);
        }
    }

    private static IReadOnlyList<byte[]> Kept(string folder, string pattern) =>
        Directory.Exists(folder) ? [.. Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)] : [];

    private static void Write(string folder, IReadOnlyList<byte[]> good)
    {
        Directory.CreateDirectory(folder);
        foreach (var input in good) File.WriteAllBytes(Path.Combine(folder, $"good-{Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 6))}"), input);
    }

    private byte[] Apply(byte[] input, Change change)
    {
        var from = (int)(change.At * input.Length);
        var to = Math.Min(input.Length, from + 1 + (int)(change.To * 16));
        var other = _corpus[change.Other % _corpus.Count];
        var there = (int)(change.To * other.Length);
        return change.Kind switch
        {
            0 when from < input.Length => [.. input[..from], (byte)(input[from] ^ (1 << (change.Other % 8))), .. input[(from + 1)..]],
            1 => input[..from],
            2 => [.. input[..from], .. input[to..]],
            3 => [.. input[..to], .. input[from..]],
            4 => [.. input[..from], .. other[there..]],
            5 => [.. input[..from], .. change.Token, .. input[Math.Min(input.Length, from + change.Token.Length)..]],
            _ => [.. input[..from], .. change.Token, .. input[from..]],
        };
    }

    private static string Show(byte[] input) => $"{Convert.ToHexString(input.AsSpan(0, Math.Min(input.Length, 2_000)))} ({Encoding.UTF8.GetString(input.AsSpan(0, Math.Min(input.Length, 1_000)))})";

    private sealed record Change(int Kind, double At, double To, byte[] Token, int Other);
}
