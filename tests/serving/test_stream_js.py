"""What the page makes of an answer that comes piece by piece, wherever the network cuts it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from chainrule.serving import routes
from chainrule.serving.streaming import event

NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="there is no node to run the page's script")
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_are_read_wherever_they_are_cut(tmp_path: Path, size: int) -> None:
    said = [("", {"text": "Äh 你好 "}), ("draft", {"text": "a\n\nb"}), ("end", {"text": "é: x"})]
    content = b"".join(event(*each) for each in said)
    (tmp_path / "stream.mjs").write_bytes((routes.PAGE / "stream.js").read_bytes())
    (tmp_path / "run.mjs").write_text(
        f"""
        import {{ events }} from "./stream.mjs";
        const content = Uint8Array.from({json.dumps(list(content))});
        const body = new ReadableStream({{
          start(to) {{
            for (let at = 0; at < content.length; at += {size}) to.enqueue(content.slice(at, at + {size}));
            to.close();
          }},
        }});
        const found = [];
        for await (const {{ name, data }} of events({{ body }})) found.push([name, data]);
        console.log(JSON.stringify(found));
        """
    )
    assert NODE is not None
    done = subprocess.run([NODE, tmp_path / "run.mjs"], capture_output=True, text=True, check=True)
    assert [tuple(each) for each in json.loads(done.stdout)] == said
