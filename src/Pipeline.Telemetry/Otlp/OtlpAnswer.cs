using Google.Protobuf;

namespace Pipeline.Telemetry.Otlp;

/// <summary>What a receiver says in its answer: of a success how many points it has not taken, of a refusal why.</summary>
/// <param name="Rejected">Data points of a request that was taken else.</param>
/// <param name="Said">Its words, on one line; empty: none.</param>
internal sealed record OtlpAnswer(long Rejected, string Said)
{
    private const int SaidLengthMax = 300;

    public static readonly OtlpAnswer Nothing = new(0, "");

    /// <summary>An <c>ExportMetricsServiceResponse</c>; one that is none says nothing.</summary>
    public static OtlpAnswer OfSuccess(byte[] body) => Read(body, response =>
    {
        var answer = Nothing;
        Fields(response, (field, input) =>
        {
            if (field != 1) return false;
            Fields(new CodedInputStream(input.ReadBytes().ToByteArray()), (inner, partial) =>
            {
                if (inner == 1) answer = answer with { Rejected = Math.Max(0, partial.ReadInt64()) };
                else if (inner == 2) answer = answer with { Said = OneLine(partial.ReadString()) };
                else return false;
                return true;
            });
            return true;
        });
        return answer;
    });

    /// <summary>A <c>google.rpc.Status</c>.</summary>
    public static OtlpAnswer OfRefusal(byte[] body) => Read(body, status =>
    {
        var answer = Nothing;
        Fields(status, (field, input) =>
        {
            if (field != 2) return false;
            answer = answer with { Said = OneLine(input.ReadString()) };
            return true;
        });
        return answer;
    });

    /// <summary>Proxies answer with pages: then the status is all there is.</summary>
    private static OtlpAnswer Read(byte[] body, Func<CodedInputStream, OtlpAnswer> read)
    {
        try
        {
            return read(new CodedInputStream(body));
        }
        catch (InvalidProtocolBufferException)
        {
            return Nothing;
        }
    }

    /// <param name="take">Reads a field's value; false: it is passed over.</param>
    private static void Fields(CodedInputStream input, Func<int, CodedInputStream, bool> take)
    {
        while (input.ReadTag() is var tag and not 0)
            if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.EndGroup || !take(WireFormat.GetTagFieldNumber(tag), input)) input.SkipLastField();
    }

    private static string OneLine(string said)
    {
        said = new string([.. said.ReplaceLineEndings(" ").Where(letter => !char.IsControl(letter))]).Trim().TrimEnd('.');
        return said.Length <= SaidLengthMax ? said : said[..SaidLengthMax] + "...";
    }
}
