using System.Globalization;
using System.Text;
using CsCheck;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// Gives a decoder good inputs that were changed by chance: flipped bits, cuts, splices, numbers and words at their extremes.
/// Whatever it is given, it gives a value or the one error of its boundary, soon and with little memory. CsCheck prints the
/// seed of a failure; <c>CsCheck_Seed</c> runs it again.
/// </summary>
/// <param name="corpus">Good inputs.</param>
public sealed class Fuzz(IReadOnlyList<byte[]> corpus)
{
    private const long AllocatedMax = 256L << 20;

    /// <summary>Far beyond what any input takes: a decoder that needs so long does not end.</summary>
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(60);

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

    /// <summary>How many changed inputs each decoder is given.</summary>
    public static int Inputs => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 100_000 : 2_000;

    public Fuzz(IEnumerable<string> corpus)
        : this([.. corpus.Select(Encoding.UTF8.GetBytes)])
    {
    }

    /// <param name="decode">Throws what it throws.</param>
    /// <param name="isOfData">Whether that is the error of the decoder's boundary.</param>
    public async Task RunAsync(Action<byte[]> decode, Func<Exception, bool> isOfData)
    {
        foreach (var good in corpus) decode([.. good]);

        byte[] running = [];
        var startedAt = TimeProvider.System.GetTimestamp();
        var sampling = Task.Run(() => Gen.Select(Gen.Int[0, corpus.Count - 1], Changes.Array[1, 4]).Sample(drawn =>
        {
            var input = drawn.Item2.Aggregate(corpus[drawn.Item1], Apply);
            (running, startedAt) = (input, TimeProvider.System.GetTimestamp());
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                decode(input);
            }
            catch (Exception e) when (isOfData(e))
            {
                // It was told what is wrong.
            }
            catch (Exception e)
            {
                Assert.Fail($"{e.GetType().Name} for {Show(input)}: {e}");
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.True(allocated < AllocatedMax, string.Create(CultureInfo.InvariantCulture, $"{allocated >> 20} MiB for {Show(input)}"));
        }, iter: Inputs, threads: 1, print: drawn => Show(drawn.Item2.Aggregate(corpus[drawn.Item1], Apply))));
        while (await Task.WhenAny(sampling, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)) != sampling)
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < TimeMax, $"It does not end for {Show(running)}");
        await sampling;
    }

    private byte[] Apply(byte[] input, Change change)
    {
        var from = (int)(change.At * input.Length);
        var to = Math.Min(input.Length, from + 1 + (int)(change.To * 16));
        var other = corpus[change.Other % corpus.Count];
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
