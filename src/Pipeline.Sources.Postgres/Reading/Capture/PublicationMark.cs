using System.Text.RegularExpressions;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>That a slot is read by one source of one pipeline.</summary>
internal sealed record SlotClaim(string Slot, SourceClaim Reader);

/// <summary>
/// The comment of a publication. It says whether a pipeline has made it, and whose the slots are that are read with it: a slot
/// can carry no word of its own. Whatever else people write there stays.
/// </summary>
internal sealed partial record PublicationMark(string Comment)
{
    // The release before begins with it too, and says nothing of slots.
    private const string MadeByPipeline = "made by pipeline";

    /// <summary>Whether it was made by a pipeline, and so may be altered and dropped by the one it belongs to.</summary>
    public bool IsMadeByPipeline => Comment.StartsWith(MadeByPipeline, StringComparison.Ordinal);

    public IEnumerable<SlotClaim> Claims => ClaimForm().Matches(Comment).Select(match => new SlotClaim(match.Groups["slot"].Value, SourceClaim.In(match.Value)!));

    /// <summary>Of a publication that is made for a source.</summary>
    public static PublicationMark Made(SlotClaim claim) => new PublicationMark($"{MadeByPipeline} for source {claim.Reader.Source}").With(claim);

    /// <summary>The same with this claim, instead of another's on the slot.</summary>
    public PublicationMark With(SlotClaim claim)
    {
        var text = $"slot {claim.Slot} is read by {claim.Reader.Text}";
        var rest = Without(claim.Slot).Comment;
        return new PublicationMark(rest.Length == 0 ? text : $"{rest}; {text}");
    }

    /// <summary>The same without what is said of a slot.</summary>
    public PublicationMark Without(string slot) => new(ClaimForm().Replace(Comment, match => match.Groups["slot"].Value == slot ? "" : match.Value).TrimStart(';', ' '));

    [GeneratedRegex("""(; )?slot (?<slot>[a-z0-9_]+) is read by source "([^"]|"")*" of pipeline "([^"]|"")*" with lake [^\s;]+""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ClaimForm();
}
