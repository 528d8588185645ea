"""Writes small data sets in their true file formats, over plain pictures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.toys import picture

CELEBA_NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)


def paint(folder: Path, names: Iterable[str], colour: str = "red") -> list[Path]:
    """Plain pictures of these names, no two of one size, so that no two are one content."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for place, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(colour, (40 + place, 30)).save(path)
        paths.append(path)
    return paths


def coco(root: Path) -> Path:
    """Three pictures of val2017: 1 with captions and two boxes, one a crowd; 2 with a caption; 3 with nothing."""
    paint(root / "val2017", ["000000000001.jpg", "000000000002.jpg", "000000000003.jpg"])
    images = [
        {
            "license": 4,
            "file_name": f"{id:012}.jpg",
            "coco_url": f"http://images.cocodataset.org/val2017/{id:012}.jpg",
            "height": 30,
            "width": 39 + id,
            "date_captured": "2013-11-14 17:02:52",
            "flickr_url": "http://farm7.staticflickr.com/0.jpg",
            "id": id,
        }
        for id in (1, 2, 3)
    ]
    top = {
        "info": {"description": "COCO 2017 Dataset", "url": "http://cocodataset.org", "version": "1.0", "year": 2017},
        "licenses": [{"url": "http://creativecommons.org/licenses/by/2.0/", "id": 4, "name": "Attribution License"}],
        "images": images,
    }
    captions = [
        {"image_id": 1, "id": 38, "caption": "A red bicycle stands there."},
        {"image_id": 2, "id": 44, "caption": "A dog.\n"},
        {"image_id": 1, "id": 182, "caption": "A bicycle."},
    ]
    instances = [
        box(1, 2, [1.5, 2.0, 10.25, 20], segmentation=[[1.5, 2, 11.75, 2, 11.75, 22]]),
        box(1, 1, [0, 0, 40, 30], iscrowd=1, segmentation={"counts": [272, 2, 4], "size": [30, 40]}),
        box(2, 1, [3, 4, 5, 6]),
    ]
    categories = [
        {"supercategory": "person", "id": 1, "name": "person"},
        {"supercategory": "vehicle", "id": 2, "name": "bicycle"},
    ]
    write(root / "annotations/captions_val2017.json", top | {"annotations": captions})
    write(root / "annotations/instances_val2017.json", top | {"annotations": instances, "categories": categories})
    return root


def box(image: int, category: int, bbox: Any, **rest: Any) -> dict[str, Any]:
    return {"area": 9.5, "iscrowd": 0, "image_id": image, "bbox": bbox, "category_id": category, "id": 900} | rest


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def imagenet(root: Path) -> Path:
    """Kaggle's layout: two synsets in train, a flat val, names and solutions beside."""
    data = root / "ILSVRC/Data/CLS-LOC"
    paint(
        data / "train",
        ["n01440764/n01440764_10026.JPEG", "n01440764/n01440764_2.JPEG", "n02012849/n02012849_1.JPEG"],
        "green",
    )
    paint(data / "val", ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG"], "blue")
    write(root / "LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\n")
    write(
        root / "LOC_val_solution.csv",
        "ImageId,PredictionString\n"
        "ILSVRC2012_val_00000001,n03126707 85 1 499 272 n03126707 1 2 3 4 \n"
        "ILSVRC2012_val_00000002,n01440764 5 6 7 8 \n",
    )
    return root


def celeba(root: Path, suffix: str = ".txt") -> Path:
    """Three faces; the first has every other attribute, the second none, the third all."""
    faces = ["000001.jpg", "000002.jpg", "000003.jpg"]
    paint(root / "img_align_celeba", faces, "pink")
    rows = [[1 if place % 2 == 0 else -1 for place in range(40)], [-1] * 40, [1] * 40]
    boxes = ["95 71 226 313", "72 94 221 306", "0 0 0 0"]
    if suffix == ".csv":
        head = "image_id," + CELEBA_NAMES.replace(" ", ",")
        write(root / "list_attr_celeba.csv", _lines([head, *_joined(faces, rows, ",")]))
        write(root / "list_eval_partition.csv", _lines(["image_id,partition", *_joined(faces, [[0], [1], [2]], ",")]))
        write(
            root / "list_bbox_celeba.csv",
            _lines(["image_id,x_1,y_1,width,height", *_joined(faces, [b.split() for b in boxes], ",")]),
        )
        return root
    # The authors' own files are padded to columns and end their headings in a space.
    attributes = [f"{face}  {' '.join(f'{value:2}' for value in row)} " for face, row in zip(faces, rows, strict=True)]
    write(root / "list_attr_celeba.txt", _lines(["3", CELEBA_NAMES + " ", *attributes]))
    write(root / "list_eval_partition.txt", _lines(_joined(faces, [[0], [1], [2]], " ")))
    write(
        root / "list_bbox_celeba.txt",
        _lines(["3", "image_id x_1 y_1 width height", *(f"{f}    {b}" for f, b in zip(faces, boxes, strict=True))]),
    )
    return root


def _joined(faces: list[str], rows: list[list[Any]], mark: str) -> list[str]:
    return [mark.join([face, *map(str, row)]) for face, row in zip(faces, rows, strict=True)]


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
