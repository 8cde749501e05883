# SPDX-License-Identifier: MIT
"""A picture of figures by cell: workload x footprint, a panel for each disk and each figure. Drawn by gnuplot."""

import shutil
import subprocess

import results

DISKS = ("nvme", "ssd", "hdd")  # fastest first
FULL_PCT = 50  # from here on the colour says no more
HEAD = """
set terminal svg size 1000,{height} dynamic font "sans,12"
set output "{path}"
set palette defined (-1 "#67a9cf", 0 "#ffffff", 1 "#ef8a62")
set cbrange [-{full}:{full}]
unset colorbox
unset key
unset border
set tics scale 0
set yrange [{rows}-0.5:-0.5]
set ytics ({workloads})
set multiplot layout {disks},{panels}
"""
PANEL = """
set title "{title}"
set xrange [-0.5:{columns}-0.5]
set xtics ({footprints})
$cells << EOD
{cells}
EOD
plot $cells using 1:2:3 with image, \\
     $cells using 1:($5 > 0 ? NaN : $2):4 with labels textcolor rgb "#404040", \\
     $cells using 1:($5 > 0 ? $2 : NaN):4 with labels textcolor rgb "#b2182b" font "sans Bold,12"
"""


def tics(names):
    return ", ".join(f'"{name}" {at}' for at, name in enumerate(names))


def panel(figures, limit, disk, workloads, title):
    """figures: percent by cell, None where there is none. Those over limit(cell) are marked."""
    footprints = sorted({cell[1] for cell in figures})
    lines = []
    for row, workload in enumerate(workloads):
        for column, footprint in enumerate(footprints):
            cell = workload, footprint, disk
            value = figures.get(cell)
            if value is None:
                lines.append(f'{column} {row} NaN "" 0')
                continue
            text = f"{value:+.{1 if abs(value) < 9.95 else 0}f}"
            lines.append(f'{column} {row} {max(-FULL_PCT, min(FULL_PCT, value)):.3f} '
                         f'"{"0" if text in ("+0.0", "-0.0") else text}" {int(value > limit(cell))}')
    return PANEL.format(title=f"{title}: {disk}", columns=len(footprints), cells="\n".join(lines),
                        footprints=tics([f"{footprint} %%" for footprint in footprints]))


def script(path, panels):
    """panels: (title, figures, limit)."""
    cells = [cell for _, figures, _ in panels for cell in figures]
    workloads = sorted({cell[0] for cell in cells})
    disks = sorted({cell[2] for cell in cells}, key=lambda disk: DISKS.index(disk) if disk in DISKS else len(DISKS))
    head = HEAD.format(path=path, height=60 + len(disks) * (70 + 24 * len(workloads)), full=FULL_PCT,
                       rows=len(workloads), workloads=tics(workloads), disks=len(disks), panels=len(panels))
    return head + "".join(panel(figures, limit, disk, workloads, title)
                          for disk in disks for title, figures, limit in panels)


def draw(path, panels):
    if not shutil.which("gnuplot"):
        raise results.BadResults("a picture needs gnuplot, which is not here: tools/setup plot installs it")
    try:
        subprocess.run(["gnuplot"], input=script(path, panels), text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise results.BadResults(f"gnuplot has not drawn {path}: exit status {error.returncode}") from error
